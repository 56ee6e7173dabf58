"""Trained phrasings of the calendar: noun phrases for the carriers, and whole questions."""

CORES = {
    "length": (
        "the number of days in {month}", "the length of {month} in days", "the day count of {month}", "how many days {month} has", "the number of days {month} has",
        "the days in {month}", "the length of the month of {month}",
    ),
    "february": ("the number of days in February {year}", "the length of February {year}", "the length of February in {year}", "how many days February had in {year}", "the days of February {year}"),
    "neighbour": ("the month after {month}", "the month following {month}", "the next month after {month}", "the month that follows {month}", "the month that comes after {month}", "the month right after {month}"),
    "before": ("the month before {month}", "the month preceding {month}", "the previous month before {month}", "the month that comes before {month}", "the month right before {month}", "the month prior to {month}"),
    "nth": ("month number {n}", "the {ordinal} month of the year", "the {ordinal} month", "month {n} of the year", "the name of month {n}", "the name of the {ordinal} month of the year"),
    "index": ("the number of {month}", "the month number of {month}", "the position of {month} in the year", "the number of the month {month}", "{month} as a number", "{month}'s number in the year", "the place of {month} among the months"),
    "later": (
        "the day {n} days after {day}", "the weekday {n} days after {day}", "the day of the week {n} days after {day}", "{n} days after {day}", "{day} plus {n} days", "the day {n} days from {day}",
        "{n} days later than {day}", "the weekday that comes {n} days after {day}", "the day that follows {day} by {n} days", "the day {n} days past {day}", "{n} days from {day}",
    ),
    "earlier": (
        "the day {n} days before {day}", "the weekday {n} days before {day}", "the day of the week {n} days before {day}", "{n} days before {day}", "{day} minus {n} days", "the day {n} days prior to {day}",
        "{n} days earlier than {day}", "the weekday that comes {n} days before {day}", "the day that precedes {day} by {n} days", "{n} days back from {day}",
    ),
    "after": ("the day after {day}", "the weekday after {day}", "the day following {day}", "the next day after {day}", "the day that follows {day}", "the day that comes after {day}", "the weekday right after {day}"),
    "preceding": ("the day before {day}", "the weekday before {day}", "the day preceding {day}", "the previous day before {day}", "the day that comes before {day}", "the weekday right before {day}", "the day prior to {day}"),
    "months_later": (
        "the month {n} months after {month}", "{n} months after {month}", "{month} plus {n} months", "the month {n} months from {month}", "the month that comes {n} months after {month}",
        "{n} months later than {month}", "{n} months from {month}", "the month that follows {month} by {n} months",
    ),
    "holiday": ("the date of {holiday}", "the day of {holiday}", "the calendar day of {holiday}", "{holiday}'s date", "the date on which {holiday} falls", "the date when {holiday} is celebrated", "the date for {holiday}", "{holiday} date", "the day and month of {holiday}"),
    "holiday_month": ("the month of {holiday}", "the month {holiday} is in", "the month in which {holiday} is celebrated", "the month for {holiday}", "the month when {holiday} takes place", "the month {holiday} belongs to"),
    "count": ("the number of {things} in {span}", "how many {things} {span} has", "the count of {things} in {span}", "how many {things} there are in {span}"),
}

DIRECT = {
    "length": (
        "How many days are in {month}?", "How many days does {month} have?", "How many days has {month}?", "How long is {month}?", "{month} has how many days?", "How many days are there in {month}?",
        "Does {month} have 30 or 31 days?", "Does {month} have 28, 29, 30 or 31 days?", "{month} - how many days?", "In {month} there are how many days?", "Are there 30 or 31 days in {month}?",
        "How many days make up {month}?", "Count the days in {month}.", "How many days are in the month of {month}?", "What is the last day number of {month}?", "With how many days does {month} come?",
    ),
    "february": (
        "How many days did February have in {year}?", "How many days are in February {year}?", "How many days does February {year} have?", "February {year} has how many days?", "Does February {year} have 28 or 29 days?",
        "In the year {year}, how many days has February?", "How many days were there in February {year}?", "Is it 28 or 29 days in February {year}?", "How long is February in {year}?", "Count the days of February {year}.",
        "How many days will February have in {year}?", "Did February {year} have 28 or 29 days?",
    ),
    "neighbour": (
        "Which month comes after {month}?", "What month follows {month}?", "What comes after {month}?", "Which month is after {month}?", "Which month is next after {month}?", "After {month} comes which month?", "{month} is followed by which month?",
        "What month is next when it is {month}?", "Which month starts when {month} is over?", "After {month} we have", "What is the following month after {month}?", "It is {month}. What is next month?", "Which month succeeds {month}?", "What month do we get after {month}?", "Next month after {month}?",
    ),
    "before": (
        "Which month comes before {month}?", "What month precedes {month}?", "What comes before {month}?", "Which month is before {month}?", "Before {month} comes which month?", "{month} comes after which month?", "Which month ends when {month} starts?",
        "{month} follows which month?", "It is {month}. What was last month?", "Which month was there before {month}?", "What month do we have before {month}?", "Previous month before {month}?", "Which month is followed by {month}?", "What month ends right before {month}?",
    ),
    "nth": (
        "What is the {ordinal} month of the year?", "Which month is number {n}?", "Which month is the {ordinal} of the year?", "What month is month {n}?", "Name the {ordinal} month.", "Which is the {ordinal} month of the year?", "What month has the number {n}?",
        "Month {n} is called what?", "{n} is the number of which month?", "The {ordinal} month of the year is", "Which month comes {ordinal} in the year?", "What do we call month number {n}?", "Which month is in place {n}?", "Tell me which month is the {ordinal} one.", "What's the {ordinal} month called?",
    ),
    "index": (
        "Which number is {month}?", "What number is {month} among the months?", "Which month number is {month}?", "{month} is which month of the year?", "What number month is {month}?", "What is the month number of {month}?", "Is {month} the fifth, sixth or which month?",
        "At which place in the year is {month}?", "How do you write {month} as a number?", "In which position is {month} in the calendar?", "{month} is month number what?", "What place does {month} have among the months?", "As the how manyth month does {month} come?", "Which number does {month} have in a date?",
    ),
    "later": (
        "What day comes {n} days after {day}?", "What day is {n} days after {day}?", "Which weekday is {n} days after {day}?", "What weekday comes {n} days after {day}?", "Today is {day}. What day is it in {n} days?", "Today is {day}. Which day will it be {n} days from now?",
        "It is {day} today. What weekday is it in {n} days?", "What day of the week is it {n} days after {day}?", "Which day comes {n} days later than {day}?", "If it is {day}, which day comes {n} days later?", "{n} days from {day} is which day?", "{n} days after {day} is",
        "When it is {day} now, what day do we have after {n} days?", "Add {n} days to {day}.", "From {day} go {n} days forward. Which day?", "Count {n} days on from {day}.", "Which day of the week do you get {n} days past {day}?", "{n} days on from a {day}, what day is that?",
        "We leave on {day} and return {n} days later. On which day?", "I meet her {n} days after {day}. On what weekday?", "On what day do I arrive {n} days after {day}?", "A job begun on {day} ends {n} days later. Which weekday?", "Suppose it is {day}. {n} days pass. What day is it?", "Now it is {day}; in {n} days it is",
        "In {n} days from {day}, what day will it be?", "Given {day}, move ahead {n} days.",
    ),
    "earlier": (
        "What day comes {n} days before {day}?", "What day is {n} days before {day}?", "Which weekday is {n} days before {day}?", "What weekday came {n} days before {day}?", "Today is {day}. What day was it {n} days before?", "Today is {day}. Which day was {n} days back?",
        "It is {day} today. What weekday was it {n} days earlier?", "What day of the week was it {n} days before {day}?", "Which day comes {n} days earlier than {day}?", "If it is {day}, which day came {n} days earlier?", "{n} days before {day} is which day?", "{n} days ago from {day} was",
        "When it is {day} now, what day did we have {n} days ago?", "Subtract {n} days from {day}.", "From {day} go {n} days back. Which day?", "Count {n} days back from {day}.", "Which day of the week was {n} days prior to {day}?", "She came {n} days before {day}. On which day?", "Now it is {day}; {n} days ago it was", "Given {day}, move back {n} days.",
    ),
    "after": (
        "Which day comes after {day}?", "What day follows {day}?", "What day is after {day}?", "Which weekday comes after {day}?", "After {day} comes which day?", "{day} is followed by which day?", "Today is {day}. What day is tomorrow?", "It is {day}. What is tomorrow?", "What is the day after {day}?",
        "If today is {day}, what day is tomorrow?", "What comes after {day}?", "Next day after {day}?", "Tomorrow, when today is {day}?", "Yesterday was {day}. What day is today?", "Which day starts when {day} is over?",
    ),
    "preceding": (
        "Which day comes before {day}?", "What day precedes {day}?", "What day is before {day}?", "Which weekday comes before {day}?", "Before {day} comes which day?", "{day} comes after which day?", "Today is {day}. What day was yesterday?", "It is {day}. What was yesterday?", "What is the day before {day}?",
        "If today is {day}, what day was yesterday?", "What comes before {day}?", "Previous day before {day}?", "Yesterday, when today is {day}?", "Tomorrow is {day}. What day is today?", "Which day ends when {day} starts?",
    ),
    "months_later": (
        "What month comes {n} months after {month}?", "What month is {n} months after {month}?", "Which month is {n} months after {month}?", "It is {month} now. What month is it in {n} months?", "Which month will it be {n} months after {month}?", "{n} months after {month} is which month?", "{n} months from {month} is",
        "Add {n} months to {month}.", "From {month} go {n} months forward.", "Count {n} months on from {month}.", "If we are in {month}, what month comes {n} months later?", "Now it is {month}. Which month do we have after {n} months?", "A baby due {n} months after {month} comes in which month?", "Something starts in {month} and ends {n} months later. In which month?",
        "Suppose it is {month}. {n} months pass. Which month is it?", "In {n} months from {month}, what month will it be?",
    ),
    "leap": (
        "Is {year} a leap year?", "Was {year} a leap year?", "Will {year} be a leap year?", "{year} - leap year or not?", "Is the year {year} a leap year?", "Does {year} have a February 29?", "Is there a February 29 in {year}?", "Leap year: {year}?", "Is {year} a leap year or a normal year?",
        "Did {year} have 366 days?", "Can you say whether {year} is a leap year?", "Check if {year} is a leap year.", "Tell me whether {year} was a leap year.", "{year} is a leap year, yes or no?", "Has {year} got a leap day?", "Do we have a leap day in {year}?", "Would {year} be a leap year?", "Decide if {year} is a leap year.", "Find out whether {year} is a leap year.",
    ),
    "holiday": (
        "When is {holiday}?", "On what date is {holiday}?", "What date is {holiday}?", "On which day is {holiday}?", "{holiday} is on what date?", "Which date is {holiday} on?", "When does {holiday} take place?", "On which date does {holiday} fall?", "When is {holiday} celebrated?",
        "{holiday} - when?", "What day is {holiday} celebrated on?", "{holiday} falls on", "Which day of the year is {holiday}?", "When exactly is {holiday}?", "At what date do we have {holiday}?", "Which calendar date is {holiday}?", "When do we have {holiday}?", "On what day do they celebrate {holiday}?",
    ),
    "holiday_month": (
        "In which month is {holiday}?", "What month is {holiday} in?", "Which month is {holiday}?", "{holiday} is in which month?", "In what month does {holiday} fall?", "In which month does {holiday} take place?", "In which month do we celebrate {holiday}?", "Which month has {holiday}?", "{holiday} - which month?",
        "{holiday} falls in the month of", "What month do they celebrate {holiday} in?", "During which month is {holiday}?", "Just the month: when is {holiday}?", "Which month does {holiday} belong to?",
    ),
    "count": (
        "How many {things} are in {span}?", "How many {things} are there in {span}?", "How many {things} does {span} have?", "How many {things} make {span}?", "{span} has how many {things}?", "How many {things} in {span}?", "How many {things} are there to {span}?", "In {span} there are how many {things}?",
        "How many {things} make up {span}?", "Count the {things} in {span}.", "Of how many {things} does {span} consist?", "How many {things} is {span}?", "What number of {things} is in {span}?", "{span} contains how many {things}?",
    ),
}
