// What people paste: a mail program may have broken the string into lines, or there is something around it.

/** Base58, as all invitations are. */
const INVITATION = /polymath1:[1-9A-HJ-NP-Za-km-z]+/;

/** The invitation in a text: all of it, without the breaks that it got on its way, or the word that is one. */
export function invitationIn(text: string): string | undefined {
  const whole = text.replace(/\s+/g, '');
  const found = INVITATION.exec(whole)?.[0];
  return found === whole ? found : INVITATION.exec(text)?.[0];
}
