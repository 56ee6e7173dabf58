"""Held-out phrasings of the calendar, written before the first training run and never trained on."""

UNSEEN = {
    "length": (
        "How many days long is {month}?",
        "what number of days does the month {month} have",
        "tell me if {month} has 28, 30 or 31 days",
        "I'm planning {month}, how many days are there in it?",
        "For how many days does {month} last?",
        "please count the days of {month} for me",
    ),
    "february": (
        "How long was February in the year {year}, in days?",
        "in {year}, what number of days did february have",
        "I'd like to know how many days there are in February of {year}",
    ),
    "neighbour": (
        "Once {month} is over, which month begins?",
        "if it is {month} now, what will next month be",
        "Which month will we have when {month} ends?",
        "say which month comes directly after {month}",
    ),
    "before": (
        "Which month did we have just before {month}?",
        "if it is {month} now, what was last month",
        "say which month comes directly before {month}",
    ),
    "nth": (
        "Counting from January, which month is number {n}?",
        "in the calendar, which month stands at position {n}",
        "name the {ordinal} month in a calendar year",
        "I need the name of the {ordinal} month",
    ),
    "index": (
        "Counting from January, at which position is {month}?",
        "what's the number of {month} among the twelve months",
        "when I write a date in {month}, which month number do I use",
    ),
    "later": (
        "If today is {day}, what day will it be in {n} days?",
        "today it's {day}, so which weekday is it {n} days from now",
        "Starting on a {day} and waiting {n} days, which weekday is it?",
        "it is {day}, tell me the weekday {n} days later",
        "My parcel was sent on {day} and takes {n} days. On which weekday does it arrive?",
        "please tell me which weekday we have {n} days after a {day}",
    ),
    "earlier": (
        "If today is {day}, what day was it {n} days ago?",
        "today it's {day}, so which weekday was {n} days ago",
        "it is {day}, tell me the weekday {n} days earlier",
        "please tell me which weekday we had {n} days before a {day}",
    ),
    "after": (
        "What weekday comes directly after {day}?",
        "if yesterday was {day}, what is it today",
        "say which weekday is right behind {day}",
    ),
    "preceding": (
        "What weekday comes directly before {day}?",
        "if tomorrow is {day}, what is it today",
        "say which weekday is right in front of {day}",
    ),
    "months_later": (
        "If it is {month}, which month will it be in {n} months?",
        "a contract starts in {month} and runs {n} months, in which month is it over",
        "it is {month}, tell me the month {n} months later",
    ),
    "leap": (
        "Was {year} one of the leap years?",
        "tell me if {year} counts as a leap year",
        "Does the year {year} have 366 days, yes or no?",
        "I'd like to know whether {year} is a leap year or not",
    ),
    "holiday": (
        "When do people celebrate {holiday}?",
        "what's the calendar date for {holiday}",
        "I always forget when {holiday} is, tell me the date",
        "please tell me on what day of the year {holiday} falls",
        "For {holiday}, name the date.",
    ),
    "holiday_month": (
        "In what month do people celebrate {holiday}?",
        "tell me the month in which {holiday} falls",
        "is {holiday} in spring or when, which month",
    ),
    "count": (
        "How many {things} does {span} last or contain?",
        "tell me how many {things} fit into {span}",
        "{span} is made up of how many {things}",
    ),
}
