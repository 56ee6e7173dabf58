// A node's two names are one Ed25519 key: `12D3KooW…` as libp2p writes it, `did:key:z6Mk…` as DIDs do.

const LETTERS = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
/** What stands before the key: an identity multihash with a protobuf of an Ed25519 key; multicodec `ed25519-pub`. */
const PEER_PREFIX = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
const DID_PREFIX = [0xed, 0x01];
const KEY_BYTES = 32;

export function didOf(peerId: string): string | null {
  const bytes = base58Decode(peerId);
  const isPeer = bytes?.length === PEER_PREFIX.length + KEY_BYTES && PEER_PREFIX.every((byte, at) => bytes[at] === byte);
  return isPeer ? `did:key:z${base58Encode([...DID_PREFIX, ...bytes.slice(PEER_PREFIX.length)])}` : null;
}

export function peerIdOf(did: string): string | null {
  const bytes = did.startsWith('did:key:z') ? base58Decode(did.slice('did:key:z'.length)) : null;
  const isKey = bytes?.length === DID_PREFIX.length + KEY_BYTES && DID_PREFIX.every((byte, at) => bytes[at] === byte);
  return isKey ? base58Encode([...PEER_PREFIX, ...bytes.slice(DID_PREFIX.length)]) : null;
}

function base58Decode(text: string): number[] | null {
  let value = 0n;
  for (const letter of text) {
    const digit = LETTERS.indexOf(letter);
    if (digit < 0) return null;
    value = value * 58n + BigInt(digit);
  }
  const bytes: number[] = [];
  for (; value > 0n; value >>= 8n) bytes.unshift(Number(value & 0xffn));
  return [...zeros(text, (letter) => letter === '1'), ...bytes];
}

function base58Encode(bytes: number[]): string {
  let value = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  let text = '';
  for (; value > 0n; value /= 58n) text = LETTERS[Number(value % 58n)] + text;
  return '1'.repeat(zeros(bytes, (byte) => byte === 0).length) + text;
}

/** A zero for each leading item that is one. */
function zeros<T>(items: Iterable<T>, isZero: (item: T) => boolean): number[] {
  const found: number[] = [];
  for (const item of items) {
    if (!isZero(item)) break;
    found.push(0);
  }
  return found;
}
