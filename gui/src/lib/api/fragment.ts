// What stands behind the `#` of the address that `daemon console` opens.

const OWNER = 'pmk_owner_';

export const isOwnerKey = (key: string): boolean => key.startsWith(OWNER);

/** The owner's key in a fragment; nothing else is taken from an address, which anybody may have written. */
export function keyIn(fragment: string): string | undefined {
  const key = /^#key=([\w-]+)$/.exec(fragment)?.[1];
  return key && isOwnerKey(key) ? key : undefined;
}
