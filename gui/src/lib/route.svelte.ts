// Where in the console one is: the part of the address behind `#`, so that every place can be linked to and the
// daemon need not know any.

export const VIEWS = ['chat', 'swarm', 'models', 'trust', 'settings'] as const;
export type View = (typeof VIEWS)[number];

export interface Route {
  view: View;
  /** What follows: a conversation, a peer, a tab. */
  rest: string[];
}

export function parse(hash: string): Route {
  const [first, ...rest] = hash.replace(/^#\/?/, '').split('/').filter(Boolean).map(decoded);
  const view = VIEWS.find((one) => one === first);
  return view ? { view, rest } : { view: 'chat', rest: [] };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function href(view: View, ...rest: string[]): string {
  return `#/${[view, ...rest].map(encodeURIComponent).join('/')}`;
}

class Router {
  route = $state<Route>(parse(typeof location === 'undefined' ? '' : location.hash));
  /** Where the user wants to go while something is unsaved; until that is decided one stays. */
  wanted = $state<string>();
  #here = '';
  #unsaved = new Set<() => boolean>();
  #onarrive: () => void = () => undefined;

  /** Follows the address; `onarrive` is told after each change of place. */
  start(onarrive: () => void) {
    this.#here = location.hash;
    this.#onarrive = onarrive;
    addEventListener('hashchange', () => this.#follow());
    addEventListener('beforeunload', (event) => this.#isUnsaved && event.preventDefault());
  }

  go(view: View, ...rest: string[]) {
    location.hash = href(view, ...rest);
  }

  /** Asks before one leaves while this says that something is unsaved; returns how to end that. */
  guard(isUnsaved: () => boolean): () => void {
    this.#unsaved.add(isUnsaved);
    return () => void this.#unsaved.delete(isUnsaved);
  }

  /** What is unsaved may go: on to where the user wanted. */
  leave() {
    const to = this.wanted;
    this.wanted = undefined;
    this.#unsaved.clear();
    if (to !== undefined) location.hash = to;
  }

  stay() {
    this.wanted = undefined;
  }

  get #isUnsaved(): boolean {
    return [...this.#unsaved].some((one) => one());
  }

  #follow() {
    if (location.hash === this.#here) return;
    if (this.#isUnsaved) {
      this.wanted = location.hash;
      history.replaceState(history.state, '', this.#here || location.pathname + location.search);
      return;
    }
    this.#here = location.hash;
    this.route = parse(location.hash);
    this.#onarrive();
  }
}

export const router = new Router();
