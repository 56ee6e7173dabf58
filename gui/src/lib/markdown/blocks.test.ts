import { expect, it } from 'vitest';
import { blocksOf } from './blocks';

it('text, lists and code come apart', () => {
  const blocks = blocksOf('# A\n\ntext **bold**\n\n- one\n- two\n\n```sql\nSELECT 1;\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |');
  expect(blocks.map((block) => block.kind)).toEqual(['markup', 'markup', 'markup', 'code', 'markup']);
  expect(blocks[3]).toEqual({ kind: 'code', text: 'SELECT 1;', language: 'sql' });
});

it('code is code before its end has come', () => {
  expect(blocksOf('```js\nlet a')[0]).toMatchObject({ kind: 'code', text: 'let a' });
});

it('markup is shown, not obeyed, and no image is loaded', () => {
  const html = blocksOf('<script>alert(1)</script>\n\na <b onclick="x()">b</b> ![pic](https://example.org/p.png)')
    .map((block) => (block.kind === 'markup' ? block.html : ''))
    .join('');
  expect(html).not.toMatch(/<(script|b|img)/);
  expect(html).toContain('href="https://example.org/p.png"');
});
