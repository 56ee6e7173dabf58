// Server-sent events as the daemon writes them: `data:` lines, comments, a blank line after each event.

/** Takes text in whatever pieces the network makes, and returns the data of the events that are complete. */
export class EventReader {
  #rest = '';

  push(text: string): string[] {
    this.#rest += text;
    const blocks = this.#rest.split(/\r?\n\r?\n/);
    this.#rest = blocks.pop() ?? '';
    return blocks.map(dataOf).filter((data): data is string => data !== null);
  }
}

function dataOf(block: string): string | null {
  const lines = block.split(/\r?\n/).filter((line) => line.startsWith('data:'));
  return lines.length === 0 ? null : lines.map((line) => line.slice(5).replace(/^ /, '')).join('\n');
}

/** The events of a reply, until it ends. Leaving the loop closes the connection. */
export async function* eventsOf(reply: Response): AsyncGenerator<string> {
  const body = reply.body?.getReader();
  if (!body) return;
  const reader = new EventReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await body.read();
      if (done) return;
      yield* reader.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    await body.cancel().catch(() => undefined);
  }
}
