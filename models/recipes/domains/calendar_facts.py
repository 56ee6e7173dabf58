"""Months, weekdays and days that fall on the same date every year."""

MONTHS = "January February March April May June July August September October November December".split()
LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
WEEKDAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split()
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()
NUMERALS = "one two three four five six seven eight nine ten eleven twelve".split()

HOLIDAYS = {
    "Christmas": "December 25", "Christmas Day": "December 25", "Christmas Eve": "December 24", "Boxing Day": "December 26",
    "New Year's Day": "January 1", "New Year's Eve": "December 31", "Valentine's Day": "February 14",
    "Halloween": "October 31", "Saint Patrick's Day": "March 17", "April Fools' Day": "April 1", "Epiphany": "January 6",
    "May Day": "May 1", "US Independence Day": "July 4", "Bastille Day": "July 14", "All Saints' Day": "November 1",
    "All Souls' Day": "November 2", "Groundhog Day": "February 2", "Earth Day": "April 22",
    "International Women's Day": "March 8", "Veterans Day": "November 11", "Remembrance Day": "November 11",
    "Juneteenth": "June 19", "Cinco de Mayo": "May 5", "Guy Fawkes Night": "November 5", "Saint Nicholas Day": "December 6",
    "German Unity Day": "October 3", "Pi Day": "March 14", "Anzac Day": "April 25", "Canada Day": "July 1",
    "Australia Day": "January 26", "Burns Night": "January 25", "World Animal Day": "October 4",
    "Human Rights Day": "December 10", "United Nations Day": "October 24", "World AIDS Day": "December 1",
    "Saint Andrew's Day": "November 30", "Saint George's Day": "April 23", "Star Wars Day": "May 4",
    "World Health Day": "April 7", "World Environment Day": "June 5", "Saint Lucy's Day": "December 13",
}

# Fixed counts of the calendar.
COUNTS = {
    "days|a week": "7", "days|a normal year": "365", "days|a year": "365", "days|a leap year": "366", "months|a year": "12",
    "weeks|a year": "52", "days|a fortnight": "14", "years|a decade": "10", "years|a century": "100", "years|a millennium": "1000",
    "weekdays|a week": "5", "months|a quarter": "3", "quarters|a year": "4", "months|half a year": "6", "weeks|a fortnight": "2",
    "decades|a century": "10", "months|a decade": "120", "months|two years": "24", "days|two weeks": "14", "days|three weeks": "21",
}
