// An expert that dies in the midst of its answer, as the page shows it. `tests/run` runs it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { audit, picture, SCREENS, startBrowser, visit } from './browser.mjs';
import { consoleOf, emptySwarm, until } from './swarm.mjs';

/** Until a node that fell silent is given up, and the other one has answered, slowly. */
const ANSWER = { timeout: 180_000 };
const SOON_MS = 120_000;

let browser;
let swarm;
let asker;
/** Two nodes with the same expert, which takes its time, so that there is something to break off: half a minute of working. */
let twins;
before(async () => {
  browser = await startBrowser();
  swarm = emptySwarm();
  asker = swarm.node('asker', { expert: null, more: ['--rest', '127.0.0.1:0'] });
  asker.api = `http://${await asker.told(/REST on (\S+)/)}`;
  asker.url = await consoleOf(asker.api);
  swarm.address = await asker.told(/listening on (\S+)/);
  const slow = `[[expert]]\ncard = "${swarm.assets}/models/experts/arithmetic"\ntokens_per_second = 4\n`;
  twins = ['first', 'second'].map((name) => swarm.node(name, { settings: slow, expert: null, more: ['--rest', '127.0.0.1:0'] }));
  for (const twin of twins) {
    const health = await fetch(`http://${await twin.told(/REST on (\S+)/)}/health`);
    twin.peer = (await health.json()).peer_id;
  }
  await until('both are known', SOON_MS, async () => {
    const { data } = await (await fetch(`${asker.api}/v1/swarm/experts`)).json();
    return data.length === twins.length;
  });
});
after(async () => {
  await browser?.close();
  await swarm?.stop();
});

test('an expert is killed while it answers, and the other one takes over', async () => {
  await visit(browser, { url: asker.url }, SCREENS.desktop, async (page) => {
    await page.getByText('1 expert can be asked').waitFor();
    await page.getByLabel('Ask the swarm').fill('What is 48 times 37?');
    await page.keyboard.press('Enter');
    const task = page.locator('.plan .task.running');
    await task.click(ANSWER);
    const dialog = page.getByRole('dialog');
    const isAskedOf = dialog.locator('dd a[href*="/peers/"]');
    const link = await isAskedOf.getAttribute('href');
    const [asked, other] = link.includes(twins[0].peer) ? twins : twins.toReversed();
    asked.child.kill('SIGKILL');
    await page.keyboard.press('Escape');
    await page.locator('article footer').last().waitFor(ANSWER);
    await page.locator('.plan .task').getByText('taken over 1 time').waitFor();
    assert.match(await page.locator('.answer').innerText(), /1776/);
    await audit(page, 'taken over');
    await picture(page, 'failover');
    await page.locator('.plan .task').click();
    assert.ok((await isAskedOf.getAttribute('href')).includes(other.peer));
  });
});
