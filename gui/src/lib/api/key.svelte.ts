// The API key that the user entered, if the node wants one. Kept for this tab, or on this device if so wished.

const NAME = 'polymath.key';

function kept(): string {
  try {
    return sessionStorage.getItem(NAME) ?? localStorage.getItem(NAME) ?? '';
  } catch {
    return '';
  }
}

class Key {
  value = $state(kept());
  /** Whether the node has refused a call for want of a key, or of a better one. */
  wanted = $state(false);

  set(value: string, remember: boolean) {
    this.value = value.trim();
    this.wanted = false;
    try {
      sessionStorage.removeItem(NAME);
      localStorage.removeItem(NAME);
      if (this.value) (remember ? localStorage : sessionStorage).setItem(NAME, this.value);
    } catch {
      // Kept for as long as the page is open.
    }
  }
}

export const key = new Key();
