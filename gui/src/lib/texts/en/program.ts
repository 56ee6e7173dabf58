// What the node's program is called where it runs (packages install it as `polymath`): the node says so in the page's head.

const said = globalThis.document?.querySelector<HTMLMetaElement>('meta[name="program"]')?.content;

/** What people type to call it. */
export const program = said || 'daemon';
