"""Learns byte-pair merges, deterministically.

The `tokenizers` trainer breaks ties by the order of a hash map, so two runs
on the same text give different tokens, and a continued run would read its
checkpoint with the wrong ones. Here ties go to the smaller pair.
"""

from collections import Counter, defaultdict

# Rarer words add ties and time, and no merge worth having.
WORD_COUNT_MIN = 2


def learn(words: Counter, count: int) -> list[tuple[str, str]]:
    """The `count` best merges of words written in the byte alphabet, best first (Sennrich et al., 2016)."""
    spelt = [(list(word), n) for word, n in sorted(words.items()) if n >= WORD_COUNT_MIN]
    pairs: Counter = Counter()
    where = defaultdict(set)
    for index, (symbols, n) in enumerate(spelt):
        for pair in zip(symbols, symbols[1:]):
            pairs[pair] += n
            where[pair].add(index)
    merges = []
    while len(merges) < count and pairs:
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for index in sorted(where.pop(best)):
            symbols, n = spelt[index]
            for pair in zip(symbols, symbols[1:]):
                pairs[pair] -= n
                if pairs[pair] <= 0:
                    del pairs[pair]
            symbols[:] = joined(symbols, best)
            for pair in zip(symbols, symbols[1:]):
                pairs[pair] += n
                where[pair].add(index)
    return merges


def joined(symbols: list[str], pair: tuple[str, str]) -> list[str]:
    """The symbols with every occurrence of `pair` made one."""
    result, index = [], 0
    while index < len(symbols):
        if tuple(symbols[index : index + 2]) == pair:
            result.append(symbols[index] + symbols[index + 1])
            index += 2
        else:
            result.append(symbols[index])
            index += 1
    return result
