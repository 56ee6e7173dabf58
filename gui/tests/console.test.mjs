// The console against a real swarm, as a user meets it. `tests/run` runs it.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { audit, open, picture, reach, SCREENS, startBrowser, visit as visitAt } from './browser.mjs';
import { consoleOf, pause, startSwarm, until } from './swarm.mjs';

/** For an answer of small experts on a loaded machine. */
const ANSWER = { timeout: 180_000 };
/** For what takes no time but on a loaded machine. */
const SOON_MS = 120_000;
const PAINT_MS_MAX = 1_000;
/** First visits of which the quickest counts: the others say how busy the machine was. */
const PAINTS_MAX = 20;
const BETWEEN_PAINTS_MS = 1_000;
const VIEWS = [
  'swarm', 'swarm/experts', 'swarm/peers', 'swarm/network', 'models', 'trust', 'trust/reputation', 'trust/ledger', 'settings', 'settings/log',
];

let swarm;
let browser;
before(async () => {
  browser = await startBrowser();
  swarm = await startSwarm();
});
after(async () => {
  await browser?.close();
  await swarm?.stop();
});

const visit = (screen, work) => visitAt(browser, { url: swarm.url }, screen, work);

async function ask(page, question) {
  await page.getByLabel('Ask the swarm').fill(question);
  await page.keyboard.press('Enter');
}

const answered = (page) => page.locator('article footer').last().waitFor(ANSWER);

test('from the first page to the first answer, with the plan beside it', async () => {
  await visit(SCREENS.desktop, async (page) => {
    await page.getByText('9 experts can be asked').waitFor();
    await audit(page, 'guide');
    await picture(page, 'guide');
    await page.getByRole('button', { name: /capital of Peru/ }).click();
    const tasks = page.getByRole('complementary', { name: 'Plan' }).getByRole('listitem');
    await tasks.nth(3).waitFor(ANSWER);
    await answered(page);
    const text = await page.locator('.answer').innerText();
    for (const part of ['Lima', '68', 'Au']) assert.match(text, new RegExp(part));
    assert.equal(await tasks.count(), 4);
    assert.match(await tasks.nth(1).innerText(), /words/);
    await pause(300);
    await audit(page, 'answer');
    await picture(page, 'chat');

    await tasks.first().getByRole('button').click();
    const task = page.getByRole('dialog');
    await task.getByText('Score = competence × trust × availability').waitFor();
    for (const part of ['Lima', 'asked', 'Coverage', 'Availability']) await task.getByText(part).first().waitFor();
    await audit(page, 'task');
    await picture(page, 'task');
    await task.getByRole('button', { name: 'Good' }).click();
    await task.getByText(/Noted\. geography/).waitFor();
    await page.keyboard.press('Escape');
    await task.waitFor({ state: 'hidden' });

    // It is still there when the page comes again.
    await page.reload();
    await page.getByRole('article').getByText('Lima').first().waitFor();
  });
});

test('the first page is there in a second', async () => {
  const paints = [];
  while (paints.length < PAINTS_MAX && !paints.some((ms) => ms < PAINT_MS_MAX)) {
    if (paints.length > 0) await pause(BETWEEN_PAINTS_MS);
    await visit(SCREENS.desktop, async (page) => {
      await page.getByText('9 experts can be asked').waitFor();
      paints.push(await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime));
    });
  }
  console.log(`first contentful paint after ${paints.map(Math.round).join(', ')} ms`);
  assert.ok(Math.min(...paints) < PAINT_MS_MAX, `first paint after ${paints} ms`);
});

test('an answer can be stopped and asked for again', async () => {
  await visit(SCREENS.desktop, async (page) => {
    await page.locator('option', { hasText: 'Only numerals' }).waitFor({ state: 'attached' });
    await page.getByLabel('Who answers').selectOption('expert:numerals');
    await ask(page, 'What is 107 in binary?');
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByText('Stopped.').waitFor();
    await page.getByLabel('Who answers').selectOption('swarm');
    await page.getByRole('button', { name: 'Ask again' }).click();
    await page.locator('.answer .markdown').waitFor(ANSWER);
    await answered(page);
    assert.equal(await page.getByRole('article').count(), 1);
    await page.getByRole('button', { name: /^Delete “/ }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('heading', { level: 1, name: 'Welcome' }).waitFor();
  });
});

test('by keyboard alone', async () => {
  await visit(SCREENS.desktop, async (page) => {
    await page.getByText('9 experts can be asked').waitFor();
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to content');
    await reach(page, page.getByLabel('Ask the swarm'));
    await page.keyboard.type('What is the capital of Norway?');
    await page.keyboard.press('Enter');
    await answered(page);
    await reach(page, page.locator('.plan .task').first());
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Tab');
    assert.ok(await page.getByRole('dialog').evaluate((node) => node.contains(document.activeElement)), 'the focus stays in the dialog');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    assert.ok(await page.locator('.plan .task').first().evaluate((node) => node === document.activeElement), 'the focus comes back');
    await reach(page, page.getByRole('link', { name: 'Swarm', exact: true }), 80);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Swarm' }).waitFor();
    await reach(page, page.getByRole('tab', { name: 'Map' }));
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await page.getByRole('table').waitFor();
  });
});

for (const [name, screen] of Object.entries(SCREENS)) {
  test(`every view on a screen that is ${name}`, async () => {
    await visit(screen, async (page) => {
      await page.getByText('9 experts can be asked').waitFor();
      await audit(page, `guide, ${name}`);
      await ask(page, 'What is the capital of Peru? Spell it backwards. What is 17 times 4?');
      await answered(page);
      const show = page.getByRole('button', { name: 'Show plan' });
      if (await show.isVisible()) await show.click();
      await pause(400);
      await audit(page, `chat, ${name}`);
      if (name === 'phone' || name === 'dark') await picture(page, `chat-${name}`);
      await page.locator('.task:visible').first().click();
      await page.getByRole('dialog').waitFor();
      await pause(300);
      await audit(page, `task, ${name}`);
      await page.keyboard.press('Escape');
      for (const view of VIEWS) {
        await page.goto(`${swarm.url}/#/${view}`);
        await page.getByRole('heading', { level: 1 }).waitFor();
        // There may be several at once on a busy machine.
        await page.waitForFunction(() => !document.querySelector('main [role="status"].loading'));
        await pause(500);
        await audit(page, `${view}, ${name}`);
        if (name === 'desktop') await picture(page, view.replace('/', '-'));
      }
    });
  });
}

test('the swarm can be sorted, filtered, and looked into', async () => {
  await visit(SCREENS.desktop, async (page) => {
    await page.goto(`${swarm.url}/#/swarm/experts`);
    // The table of peers is there as well, behind its tab.
    const rows = page.locator('tbody tr:visible');
    await rows.nth(8).waitFor();
    await page.getByRole('button', { name: 'Expert', exact: true }).click();
    assert.match(await rows.first().innerText(), /^words/);
    await page.getByLabel('Filter').fill('capital cities');
    await until('one row is left', SOON_MS, async () => (await rows.count()) === 1);
    await page.getByLabel('Filter').fill('chemi');
    await page.getByRole('row', { name: /^chemistry/ }).getByRole('link').click();
    await page.getByRole('heading', { level: 2, name: 'Identity' }).waitFor();
    await audit(page, 'peer');
    await picture(page, 'peer');
    await page.getByText(/^did:key:z6Mk/).first().waitFor();
  });
});

test('what was audited and what is owed shows, and is exported as the daemon can verify it', async () => {
  const { audits } = JSON.parse(await swarm.first.command('audit', 'log', '--json'));
  await visit(SCREENS.desktop, async (page) => {
    await ask(page, 'What is the chemical symbol for silver?');
    await answered(page);
    await until('an audit is in the log', 2 * SOON_MS, async () => JSON.parse(await swarm.first.command('audit', 'log', '--json')).audits.length > audits.length);
    await page.locator('.plan .mark').waitFor({ timeout: SOON_MS });
    await page.goto(`${swarm.url}/#/trust`);
    await page.getByRole('img', { name: /^Chart of/ }).waitFor();
    await page.goto(`${swarm.url}/#/trust/ledger`);
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Export JSON Lines' }).click();
    const file = join(swarm.folder, 'receipts.jsonl');
    await (await download).saveAs(file);
    const said = execFileSync(swarm.daemon, ['ledger', 'verify', file], { encoding: 'utf8' });
    assert.match(said, /ok [1-9]\d* signed by both/);
  });
});

test('a node is asked whether it is there', async () => {
  await visit(SCREENS.desktop, async (page, { expect }) => {
    await page.goto(`${swarm.url}/#/swarm/experts`);
    await page.getByRole('row', { name: /^chemistry/ }).getByRole('link').click();
    await page.getByRole('button', { name: 'Is it there?' }).click();
    await page.getByText(/It answered after .* and offers 1 expert\. The connection is direct\./).waitFor(ANSWER);
    await audit(page, 'probe');
    await picture(page, 'probe');
    // Nobody has this one's key.
    expect(/status of 503/);
    await page.goto(`${swarm.url}/#/swarm/peers/12D3KooWQYV9dGMFoRzNStwpXztXaBUjtPqi6aU76ZgUriHhKust`);
    await page.getByRole('button', { name: 'Is it there?' }).click();
    await page.getByText('It did not answer.').waitFor(ANSWER);
    await audit(page, 'failed probe');
  });
});

test('how the node is reached is told', async () => {
  await visit(SCREENS.desktop, async (page) => {
    await page.goto(`${swarm.url}/#/swarm/network`);
    await page.getByText('Nobody has tried yet').waitFor();
    await page.getByText('8 direct, 0 relayed').waitFor(ANSWER);
    await page.getByText(/^\/ip4\/127\.0\.0\.1\/udp\//).first().waitFor();
  });
});

test('a model leaves the memory and comes back', async () => {
  await visit(SCREENS.desktop, async (page) => {
    await page.goto(`${swarm.url}/#/models`);
    const memory = page.getByRole('group', { name: 'Memory of geography' });
    await memory.getByText('in memory').waitFor(ANSWER);
    await memory.getByRole('button', { name: 'Unload' }).click();
    await memory.getByText('not loaded').waitFor(ANSWER);
    // The card and the table say so as well, as soon as the directory does.
    await page.getByRole('heading', { level: 3, name: 'geography' }).getByText('not loaded').waitFor(ANSWER);
    await audit(page, 'unloaded');
    await picture(page, 'unloaded');
    await page.goto(`${swarm.url}/#/swarm/experts`);
    await page.getByText(/must be loaded into memory/).waitFor();
    await audit(page, 'a cold expert');
    await picture(page, 'cold');
    await page.goto(`${swarm.url}/#/models`);
    await memory.getByRole('button', { name: 'Load' }).click();
    await memory.getByText('in memory').waitFor(ANSWER);
    await page.getByRole('heading', { level: 3, name: 'geography' }).getByText('not loaded').waitFor({ state: 'detached', ...ANSWER });
  });
});

test('a node with keys asks for one, and a wrong one is told', async () => {
  const guarded = swarm.node('guarded', { expert: null, more: ['--rest', '127.0.0.1:0'] });
  const url = await consoleOf(`http://${await guarded.told(/REST on (\S+)/)}`);
  const { key } = JSON.parse(await guarded.command('keys', 'create', 'console', '--json'));
  await until('the node wants a key', SOON_MS, async () => (await fetch(`${url}/v1/models`)).status === 401);
  const visited = await open(browser, url);
  visited.expect(/status of 401/);
  const { page } = visited;
  await page.goto(`${url}/`);
  await page.getByRole('heading', { name: 'This node wants a key' }).waitFor();
  await audit(page, 'key');
  await page.getByLabel('API key').fill('pmk_wrong_wrong');
  await page.getByRole('button', { name: 'Use this key' }).click();
  await page.getByText('The node does not know this key.').waitFor();
  await page.getByLabel('API key').fill(key);
  await page.getByRole('button', { name: 'Use this key' }).click();
  await page.getByText('9 experts can be asked').waitFor({ timeout: SOON_MS });
  // What is the owner's stays the owner's.
  visited.expect(/status of 403/);
  await page.goto(`${url}/#/models`);
  await page.getByText('it wants a key with the scope admin').waitFor();
  visited.check();
  await visited.close();
  await guarded.stop();
});

test('hostile answers stay text', async () => {
  await visit(SCREENS.desktop, async (page) => {
    const hostile = [
      '<img src=x onerror="window.hit=1"> <script>window.hit=2</script> <svg onload="window.hit=3"></svg>',
      '![track](https://example.org/pixel.png) [click](javascript:window.hit=4) <iframe src="https://example.org"></iframe>',
      '<p style="position:fixed;inset:0">over</p> <form action="https://example.org"><input name="a"></form>',
      '```html\n<img src=x onerror="window.hit=5">\n```',
    ].join('\n\n');
    const chunk = JSON.stringify({ choices: [{ index: 0, delta: { content: hostile } }] });
    await page.route('**/v1/chat/completions', (route) =>
      route.fulfill({ contentType: 'text/event-stream', body: `data: ${chunk}\n\ndata: [DONE]\n\n` }),
    );
    await ask(page, 'Be evil.');
    await answered(page);
    await pause(500);
    assert.equal(await page.evaluate(() => window.hit), undefined);
    const found = await page.locator('.answer').evaluate((node) =>
      [...node.querySelectorAll('img, script, svg[onload], iframe, form, input, [style], a[href^="javascript"]')].map((one) => one.outerHTML),
    );
    assert.deepEqual(found, []);
  });
});

test('whoever wants less motion gets none', async () => {
  await visit({ ...SCREENS.desktop, reducedMotion: 'reduce' }, async (page) => {
    await page.getByText('9 experts can be asked').waitFor();
    await page.locator('option', { hasText: 'Only numerals' }).waitFor({ state: 'attached' });
    await page.getByLabel('Who answers').selectOption('expert:numerals');
    await ask(page, 'What is 107 in binary?');
    await page.getByRole('button', { name: 'Stop' }).waitFor();
    const moving = await page.evaluate(() =>
      document.getAnimations().filter((one) => Number(one.effect.getComputedTiming().activeDuration) > 10).length,
    );
    assert.equal(moving, 0);
    await page.keyboard.press('Escape');
    await page.getByText('Stopped.').waitFor();
  });
});

test('the page is served as it should be', async () => {
  const page = await fetch(`${swarm.api}/`);
  const policy = page.headers.get('content-security-policy');
  assert.match(policy, /^default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe|\*|https?:/);
  assert.equal(page.headers.get('x-content-type-options'), 'nosniff');
  assert.equal(page.headers.get('referrer-policy'), 'no-referrer');
  const html = await page.text();
  assert.doesNotMatch(html, /<style|style=|<script(?![^>]*src=)|https?:/);
  const script = /src="(\/assets\/[^"]+)"/.exec(html)[1];
  const asset = await fetch(swarm.api + script);
  assert.match(asset.headers.get('cache-control'), /immutable/);
  assert.match(asset.headers.get('content-type'), /^text\/javascript/);
  assert.equal(asset.headers.get('content-encoding'), 'gzip');
  const again = await fetch(swarm.api + script, { headers: { 'if-none-match': asset.headers.get('etag') } });
  assert.equal(again.status, 304);
  assert.equal((await fetch(`${swarm.api}/assets/nothing.js`)).status, 404);
});
