// Light, dark, or as the system has it. `theme.js` applies the choice before the first paint.

export const THEMES = ['system', 'light', 'dark'] as const;
export type ThemeName = (typeof THEMES)[number];

const NAME = 'polymath.theme';

class Theme {
  value = $state<ThemeName>(THEMES.find((one) => one === document.documentElement.dataset.theme) ?? 'system');

  set(value: ThemeName) {
    this.value = value;
    if (value === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = value;
    try {
      if (value === 'system') localStorage.removeItem(NAME);
      else localStorage.setItem(NAME, value);
    } catch {
      // Until the page is closed, then.
    }
  }
}

export const theme = new Theme();
