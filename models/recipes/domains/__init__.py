"""One module a domain: its facts or rules, its phrasings, its held-out cases."""
