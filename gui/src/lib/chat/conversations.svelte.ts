// The conversations of this device, and asking.

import { api } from '../api/client';
import { asFailure } from '../api/failure';
import { store, type Conversation } from './store';
import { end, isOpen, messagesOf, newTurn, take, type Turn, type Wishes } from './turn';

/** Characters of a conversation's title. */
const TITLE_CHARACTERS_MAX = 60;
/** How often an answer under way is kept, so that closing the page loses little. */
const KEEP_EVERY_MS = 2_000;

class Conversations {
  list = $state<Conversation[]>([]);
  loaded = $state(false);
  /** Whether this browser keeps nothing (a private window, say). */
  forgetful = $state(false);
  #running = new Map<string, AbortController>();

  async load() {
    try {
      const kept = await store.all();
      for (const turn of kept.flatMap((one) => one.turns)) {
        // The page was closed in the midst of it.
        if (isOpen(turn)) turn.status = 'stopped';
      }
      this.list = kept.sort((a, b) => b.updatedAt - a.updatedAt);
    } catch {
      this.forgetful = true;
    }
    this.loaded = true;
  }

  find(id: string): Conversation | undefined {
    return this.list.find((one) => one.id === id);
  }

  /** Asks in a conversation, or in a new one; returns the conversation's id at once. */
  ask(id: string | undefined, question: string, wishes: Wishes): string {
    const now = Date.now();
    let conversation = id ? this.find(id) : undefined;
    if (!conversation) {
      const title = question.replace(/\s+/g, ' ').slice(0, TITLE_CHARACTERS_MAX);
      this.list.unshift({ id: newId(), title, createdAt: now, updatedAt: now, turns: [] });
      // The list's own, which knows when it changes.
      conversation = this.list[0]!;
    }
    conversation.turns.push(newTurn(newId(), question, wishes, now));
    void this.#run(conversation, conversation.turns.at(-1)!);
    return conversation.id;
  }

  /** Asks the same again, in the place of the answer that there is; what came after it goes. */
  retry(conversation: Conversation, turn: Turn) {
    const at = conversation.turns.indexOf(turn);
    if (at < 0 || isOpen(turn)) return;
    conversation.turns.splice(at);
    conversation.turns.push(newTurn(newId(), turn.question, turn.wishes, Date.now()));
    void this.#run(conversation, conversation.turns.at(-1)!);
  }

  stop(turn: Turn) {
    this.#running.get(turn.id)?.abort();
  }

  async remove(conversation: Conversation) {
    for (const turn of conversation.turns) this.stop(turn);
    this.list = this.list.filter((one) => one.id !== conversation.id);
    await store.remove(conversation.id).catch(() => undefined);
  }

  async clear() {
    for (const running of this.#running.values()) running.abort();
    this.list = [];
    await store.clear().catch(() => undefined);
  }

  async #run(conversation: Conversation, turn: Turn) {
    const controller = new AbortController();
    this.#running.set(turn.id, controller);
    let kept = Date.now();
    await this.#keep(conversation);
    try {
      const { model, private: veiled, local } = turn.wishes;
      const body = {
        model,
        messages: messagesOf(conversation.turns, turn),
        stream: true,
        stream_options: { include_usage: true },
        ...(veiled || local ? { polymath: { filter: { private: veiled, local } } } : {}),
      };
      for await (const chunk of api.chat(body, controller.signal)) {
        take(turn, chunk, Date.now());
        if (Date.now() - kept > KEEP_EVERY_MS) {
          kept = Date.now();
          void this.#keep(conversation);
        }
      }
      end(turn);
    } catch (thrown) {
      end(turn, asFailure(thrown));
    }
    this.#running.delete(turn.id);
    conversation.updatedAt = Date.now();
    await this.#keep(conversation);
  }

  async #keep(conversation: Conversation) {
    // One that was removed meanwhile stays removed.
    if (!this.find(conversation.id)) return;
    await store.put($state.snapshot(conversation) as Conversation).catch(() => (this.forgetful = true));
  }
}

/** Random, where `crypto.randomUUID` would want HTTPS. */
function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export const conversations = new Conversations();
