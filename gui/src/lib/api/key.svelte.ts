// The key that the page shows to the node: one that the user entered, kept for this tab or, if so wished, on this
// device; or the owner's, which `daemon console` hands over behind the `#` of the address, where no log sees it.

import { isOwnerKey, keyIn } from './fragment';

const NAME = 'polymath.key';

type Shelf = 'sessionStorage' | 'localStorage';

/** Whatever a browser that keeps nothing throws is no reason to stop. */
function kept(shelf: Shelf): string {
  try {
    return globalThis[shelf].getItem(NAME) ?? '';
  } catch {
    return '';
  }
}

function keep(shelf: Shelf, value: string) {
  try {
    if (value) globalThis[shelf].setItem(NAME, value);
    else globalThis[shelf].removeItem(NAME);
  } catch {
    // For as long as the page is open, then.
  }
}

class Key {
  value = $state(kept('sessionStorage') || kept('localStorage'));
  /** Whether the node has refused a call for want of a key, or of a better one. */
  wanted = $state(false);

  get isOwners(): boolean {
    return isOwnerKey(this.value);
  }

  set(value: string, remember: boolean) {
    this.value = value.trim();
    this.wanted = false;
    keep('sessionStorage', remember ? '' : this.value);
    keep('localStorage', remember ? this.value : '');
  }

  /** Takes the owner's key for this tab; one that was remembered on this device stays. */
  takeOwner(value: string) {
    this.value = value;
    this.wanted = false;
    keep('sessionStorage', value);
  }

  /** Gives up an owner's key that the node no longer knows; says whether there was one. */
  dropOwner(): boolean {
    if (!this.isOwners) return false;
    keep('sessionStorage', '');
    this.value = kept('localStorage');
    return true;
  }
}

export const key = new Key();

/** Takes a key out of the address, so that neither the history nor whoever looks on has it. */
function takeFromAddress() {
  const found = keyIn(location.hash);
  if (!found) return;
  history.replaceState(history.state, '', location.pathname + location.search);
  key.takeOwner(found);
}

if (typeof location !== 'undefined') {
  takeFromAddress();
  // The same address opened again in this tab loads nothing anew.
  addEventListener('hashchange', takeFromAddress);
}
