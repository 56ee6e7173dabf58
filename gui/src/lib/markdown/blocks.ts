// Markdown in blocks, so that while an answer streams only its last block is made anew.

import { Marked, type Token, type Tokens } from 'marked';

/** Experts write text, not pages: markup shows as it was written, and nothing is loaded from elsewhere. */
const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    html: ({ text }) => escape(text),
    image: ({ href, text }) => `<a href="${escape(href)}">${escape(text || href)}</a>`,
  },
});

export type Block = { kind: 'code'; text: string; language: string } | { kind: 'markup'; html: string };

export function blocksOf(markdown: string): Block[] {
  return marked.lexer(markdown).filter((token) => token.type !== 'space' && token.type !== 'def').map(blockOf);
}

function blockOf(token: Token): Block {
  if (token.type === 'code') {
    const { text, lang } = token as Tokens.Code;
    return { kind: 'code', text, language: lang?.trim().split(/\s/)[0] ?? '' };
  }
  // Unsanitised: whoever shows it passes it through `fragmentOf`.
  return { kind: 'markup', html: marked.parser([token]) };
}

export function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
