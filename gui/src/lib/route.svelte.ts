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

  start() {
    addEventListener('hashchange', () => (this.route = parse(location.hash)));
  }

  go(view: View, ...rest: string[]) {
    location.hash = href(view, ...rest);
  }
}

export const router = new Router();
