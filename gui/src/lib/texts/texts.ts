import { en, type Texts } from './en';

/** The texts in the user's language; so far there is one. */
export const t: Texts = en;
