// What is the owner's alone: the key that opens it, private swarms, API keys. `tests/run` runs it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { audit, open, picture, reach, SCREENS, startBrowser, visit } from './browser.mjs';
import { consoleOf, emptySwarm, until } from './swarm.mjs';

/** For a node that starts, on a loaded machine. */
const STARTED = { timeout: 180_000 };
const SOON_MS = 120_000;
const OWNERS = ['settings/swarms', 'settings/keys', 'settings/limits', 'models/get'];

let browser;
let swarm;
/** Two machines, each with a node of its own in the public swarm. */
let first;
let second;
before(async () => {
  browser = await startBrowser();
  swarm = emptySwarm();
  first = swarm.node('geography', { more: ['--rest', '127.0.0.1:0'] });
  second = swarm.node('words', { more: ['--rest', '127.0.0.1:0'] });
  [first.at, second.at] = await Promise.all([first.console(), second.console()]);
});
after(async () => {
  await browser?.close();
  await swarm?.stop();
});

/** As the owner of a node, at a view of its console. */
async function own(node, view, screen, work) {
  await visit(browser, { url: node.at.url, place: `/${node.at.hash}` }, screen, async (page, visited) => {
    await page.goto(`${node.at.url}/#/${view}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await work(page, visited);
  });
}

const confirm = async (page, name) => page.getByRole('alertdialog').getByRole('button', { name }).click();
const inSwarm = (page, name) => page.getByRole('article', { name: `Swarm ${name}` });

test('without the owner’s key the page says how to come by it', async () => {
  for (const [name, screen] of Object.entries(SCREENS)) {
    await visit(browser, { url: first.at.url }, screen, async (page) => {
      for (const view of OWNERS) {
        await page.goto(`${first.at.url}/#/${view}`);
        await page.getByText('This is for the owner of the node.').waitFor();
        await page.getByText('daemon console', { exact: true }).waitFor();
        await audit(page, `${view} without the key, ${name}`);
      }
      if (name === 'desktop') await picture(page, 'owner-only');
    });
  }
  for (const path of ['swarms', 'keys', 'catalog', 'pulls', 'settings']) {
    for (const authorization of [undefined, 'Bearer pmk_owner_wrong']) {
      const reply = await fetch(`${first.at.api}/v1/node/${path}`, authorization ? { headers: { authorization } } : {});
      assert.equal(reply.status, 403, `${path} with ${authorization}`);
      assert.equal((await reply.json()).error.code, 'owner_only');
    }
  }
});

test('the owner’s key leaves the address at once, stays in the tab, and is given up when the node has another', async () => {
  const visited = await open(browser, first.at.url);
  const { page } = visited;
  await page.goto(`${first.at.url}/${first.at.hash}`);
  await page.getByRole('heading', { level: 1 }).waitFor();
  assert.equal(page.url(), `${first.at.url}/`);
  await page.goto(`${first.at.url}/#/settings/keys`);
  await page.getByText('There is no key').waitFor();
  await page.reload();
  await page.getByText('There is no key').waitFor();
  assert.equal(await page.evaluate(() => localStorage.getItem('polymath.key')), null);
  assert.match(await page.evaluate(() => sessionStorage.getItem('polymath.key')), /^pmk_owner_/);
  await page.goBack();
  await page.waitForURL((url) => !url.hash.includes('settings'));
  assert.doesNotMatch(page.url(), /pmk_/);
  // Of an earlier run of the node.
  visited.expect(/status of 403/);
  await page.evaluate(() => sessionStorage.setItem('polymath.key', 'pmk_owner_stale'));
  await page.goto(`${first.at.url}/#/settings/keys`);
  await page.reload();
  await page.getByText('This is for the owner of the node.').waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.getItem('polymath.key')), null);
  // `daemon console` opens the same page again, in this tab or another.
  await page.evaluate((hash) => (location.hash = hash), first.at.hash);
  await page.waitForURL(`${first.at.url}/`);
  await page.goto(`${first.at.url}/#/settings/keys`);
  await page.getByText('There is no key').waitFor();
  visited.check();
  await visited.close();
});

test('a private swarm is made, started, and joined on another machine; both see each other', async () => {
  let invitation;
  await own(first, 'settings/swarms', SCREENS.desktop, async (page, { context, expect }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByText('in no private swarm yet').waitFor();
    await audit(page, 'no private swarm');
    await page.getByLabel('Name').fill('family');
    await page.keyboard.press('Enter');
    await page.getByText('family is made.').waitFor();
    const family = inSwarm(page, 'family');
    await family.getByRole('button', { name: 'Invite' }).click();
    await family.getByText('Start it first').waitFor();
    await family.getByRole('button', { name: 'Hide' }).click();
    await family.getByRole('button', { name: 'Start' }).click();
    await family.getByText('running', { exact: true }).waitFor(STARTED);
    await family.getByRole('link', { name: 'Open its console' }).waitFor();
    assert.equal(await family.getByRole('button', { name: 'Leave' }).isDisabled(), true);
    // It is a member's key: nobody sees it who has not asked for it.
    assert.equal(await page.getByText('polymath1:').count(), 0);
    await family.getByRole('button', { name: 'Invite' }).click();
    await family.getByText('Whoever has this is a member').waitFor();
    await family.getByRole('img', { name: 'QR code of the invitation to family' }).waitFor();
    await audit(page, 'invitation');
    await picture(page, 'invitation');
    // It is said for a moment only.
    const said = family.getByText('Copied').waitFor({ state: 'attached' });
    await Promise.all([said, family.getByRole('button', { name: 'Copy the invitation' }).click()]);
    invitation = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(invitation, /^polymath1:[1-9A-HJ-NP-Za-km-z]+$/);
    await family.getByRole('button', { name: 'Hide' }).click();
    assert.equal(await page.getByText('polymath1:').count(), 0);
    // A name that is taken, in the daemon's words.
    expect(/status of 400/);
    await page.getByLabel('Name').fill('family');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').waitFor();
  });

  await own(second, 'settings/swarms', SCREENS.phone, async (page) => {
    const field = page.getByLabel('Invitation', { exact: true });
    await field.fill('nonsense');
    await page.getByText('An invitation begins with polymath1:').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Join' }).isDisabled(), true);
    // As a mail program would break it.
    await field.fill(`${invitation.slice(0, 40)}\n${invitation.slice(40)}`);
    await page.getByRole('button', { name: 'Join' }).click();
    await page.getByText('You are in family.').waitFor();
    await audit(page, 'joined');
    // Both machines are this one, where the port that follows from the swarm's key is taken.
    const member = swarm.node('second in family', { expert: 'words', inside: { node: second, swarm: 'family' }, more: ['--rest', '127.0.0.1:0'] });
    await member.told(/REST on (\S+)/);
    await inSwarm(page, 'family').getByText('running', { exact: true }).waitFor(STARTED);
    await bothAreThere(page);
    await inSwarm(page, 'family').getByRole('button', { name: 'Stop' }).click();
    await inSwarm(page, 'family').getByText('not running').waitFor(STARTED);
  });
});

/** Each of the two nodes sees the other in its own console. */
async function bothAreThere(page) {
  const address = await inSwarm(page, 'family').getByRole('link', { name: 'Open its console' }).getAttribute('href');
  for (const { origin, hash } of [new URL(address), new URL(await consoleIn(first, 'family'))]) {
    const url = await consoleOf(origin);
    await visit(browser, { url, place: `/${hash}` }, SCREENS.desktop, async (there) => {
      await there.goto(`${url}/#/swarm/peers`);
      await until('the other one is there', SOON_MS, async () => (await there.locator('tbody tr:visible').count()) === 1);
    });
  }
  // The one without an expert asks the other's.
  const { origin, hash } = new URL(await consoleIn(first, 'family'));
  const url = await consoleOf(origin);
  await visit(browser, { url, place: `/${hash}` }, SCREENS.desktop, async (there) => {
    await there.getByText('1 expert can be asked').waitFor(STARTED);
    await there.getByLabel('Ask the swarm').fill('Spell Lima backwards.');
    await there.keyboard.press('Enter');
    await there.locator('article footer').last().waitFor(STARTED);
    assert.match(await there.locator('.answer').innerText(), /amil/i);
  });
}

async function consoleIn(node, name) {
  const authorization = `Bearer ${node.at.hash.replace('#key=', '')}`;
  const { data } = await (await fetch(`${node.at.api}/v1/node/swarms`, { headers: { authorization } })).json();
  return data.find((one) => one.name === name).console;
}

test('a private swarm gets a new key, and is left', async () => {
  await own(first, 'settings/swarms', SCREENS.desktop, async (page) => {
    const family = inSwarm(page, 'family');
    await family.getByRole('button', { name: 'Stop' }).click();
    await family.getByText('not running').waitFor(STARTED);
    await family.getByRole('button', { name: 'New key' }).click();
    await page.getByRole('alertdialog').getByText('Whoever has only the old one is out.').waitFor();
    await audit(page, 'new key');
    await confirm(page, 'Make it');
    await page.getByText('family has a new key.').waitFor();
    await family.getByRole('button', { name: 'Leave' }).click();
    await confirm(page, 'Cancel');
    await family.getByRole('button', { name: 'Leave' }).click();
    await confirm(page, 'Leave');
    await page.getByText('You have left family.').waitFor();
    await page.getByText('in no private swarm yet').waitFor();
  });
});

test('limits are shown with the settings that set them', async () => {
  for (const [name, screen] of Object.entries(SCREENS)) {
    await own(first, 'settings/limits', screen, async (page) => {
      await page.getByRole('row', { name: 'Questions at once 64 ask.questions' }).waitFor();
      await page.getByRole('row', { name: /Tasks at once for geography \d+ expert.slots/ }).waitFor();
      await page.getByText(first.settings, { exact: true }).waitFor();
      await audit(page, `limits, ${name}`);
    });
  }
});

test('a key is made by keyboard alone, shown once, used and revoked', async () => {
  await own(first, 'settings/keys', SCREENS.dark, async (page, visited) => {
    await page.getByText('The first key closes the open port.').waitFor();
    await audit(page, 'no key');
    await reach(page, page.getByLabel('Name'));
    await page.keyboard.type('phone');
    await page.keyboard.press('Enter');
    await page.getByRole('alertdialog').getByText('every program needs a key').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('alertdialog').waitFor({ state: 'hidden' });
    assert.equal(await page.getByText('pmk_').count(), 0);
    // The focus is where it was.
    await page.keyboard.press('Enter');
    await page.getByRole('alertdialog').waitFor();
    await reach(page, page.getByRole('alertdialog').getByRole('button', { name: 'Make the key' }));
    await page.keyboard.press('Enter');
    await page.getByText('It is shown this once.').waitFor();
    await audit(page, 'a new key');
    await picture(page, 'key');
    const shown = await page.locator('code', { hasText: 'pmk_' }).innerText();
    const asked = (key) => fetch(`${first.at.api}/v1/models`, { headers: key ? { authorization: `Bearer ${key}` } : {} });
    await until('the node wants a key', SOON_MS, async () => (await asked()).status === 401);
    assert.equal((await asked(shown)).status, 200);
    // The owner's key opens everything all the same.
    await page.reload();
    await page.getByRole('row', { name: /phone/ }).waitFor();
    assert.equal(await page.getByText('pmk_').count(), 0);
    for (const view of ['swarm/experts', 'models', 'settings/log']) {
      await page.goto(`${first.at.url}/#/${view}`);
      await page.getByRole('heading', { level: 1 }).waitFor();
    }

    // The device itself: what is the owner's it may not see.
    const device = await open(browser, first.at.url, SCREENS.phone);
    device.expect(/status of 40[13]/);
    await device.page.goto(`${first.at.url}/#/settings/keys`);
    await device.page.getByLabel('API key').fill(shown);
    await device.page.getByRole('button', { name: 'Use this key' }).click();
    await device.page.getByText('This is for the owner of the node.').waitFor();
    device.check();
    await device.close();

    await page.goto(`${first.at.url}/#/settings/keys`);
    await page.getByRole('button', { name: 'Revoke: phone' }).click();
    await confirm(page, 'Revoke');
    await page.getByText('The key phone is revoked.').waitFor();
    await page.getByText('There is no key').waitFor();
    await until('the node is open to its machine again', SOON_MS, async () => (await asked()).status === 200);
    visited.check();
  });
});
