import { describe, expect, it } from 'vitest';
import { EventReader, eventsOf } from './events';

describe('events', () => {
  it('come out whole however they are cut', () => {
    const text = ': alive\n\ndata: {"a":1}\n\ndata: one\ndata: two\n\ndata:[DONE]\r\n\r\n';
    for (let size = 1; size < text.length; size += 1) {
      const reader = new EventReader();
      const out: string[] = [];
      for (let at = 0; at < text.length; at += size) out.push(...reader.push(text.slice(at, at + size)));
      // A carriage return on its own says nothing yet, so a cut inside `\r\n` may not lose the event either.
      expect(out, `in pieces of ${size}`).toEqual(['{"a":1}', 'one\ntwo', '[DONE]']);
    }
  });

  it('are read from a reply, characters of several bytes included', async () => {
    const bytes = new TextEncoder().encode('data: "grün 🌿"\n\n');
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    });
    const out: string[] = [];
    for await (const data of eventsOf(new Response(stream))) out.push(data);
    expect(out).toEqual(['"grün 🌿"']);
  });
});
