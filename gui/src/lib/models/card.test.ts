import { expect, it } from 'vitest';
import { draftOf, faultsOf, idFrom, isId, isSame, textOf } from './card';

const CARD = {
  description: 'Geography of countries.',
  exemplars: ['What is the capital of France?', 'Which continent is Peru in?'],
  languages: ['en', 'de'],
  abilities: ['chat'],
};

it('a card that nobody changed is the same after it was in the fields', () => {
  expect(isSame(textOf(draftOf(CARD)), CARD)).toBe(true);
});

it('fields become lists, without what is empty or twice', () => {
  const text = textOf({ description: ' Two\nlines ', exemplars: '\n a \n\nb\n', languages: 'en, de;en', abilities: '' });
  expect(text).toEqual({ description: 'Two lines', exemplars: ['a', 'b'], languages: ['en', 'de'], abilities: [] });
  expect(isSame(text, CARD)).toBe(false);
});

it('what the daemon would refuse is told before it does', () => {
  expect(faultsOf(CARD)).toEqual([]);
  expect(faultsOf({ ...CARD, description: '' })).toEqual(['description']);
  expect(faultsOf({ ...CARD, description: 'ü'.repeat(513) })).toEqual(['description']);
  expect(faultsOf({ ...CARD, exemplars: Array(17).fill('a') })).toEqual(['exemplars']);
  expect(faultsOf({ ...CARD, languages: Array.from({ length: 33 }, (_, at) => `l${at}`) })).toEqual(['languages']);
  expect(faultsOf({ ...CARD, abilities: ['x'.repeat(65)] })).toEqual(['abilities']);
});

it('a name is made of where a model came from', () => {
  expect(idFrom('Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF')).toBe('qwen2.5-coder-0.5b-instruct');
  expect(idFrom('/home/me/Meine Modelle/Ärzte v2.gguf')).toBe('rzte-v2');
  expect(idFrom('C:\\models\\My Model.GGUF')).toBe('my-model');
  expect(idFrom('ollama:llama3.2:1b')).toBe('llama3.2-1b');
  for (const source of ['a/b', 'ollama:llama3.2:1b']) expect(isId(idFrom(source))).toBe(true);
  for (const other of ['', 'A', 'a b', 'x'.repeat(65)]) expect(isId(other)).toBe(false);
});
