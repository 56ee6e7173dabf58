// Models that come, are served and leave, and cards that are edited. `tests/run` runs it.

import assert from 'node:assert/strict';
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { audit, picture, SCREENS, startBrowser, visit } from './browser.mjs';
import { startHub } from './hub.mjs';
import { emptySwarm, pause, ROOT, until } from './swarm.mjs';

/** For an answer of small experts, or a model that is read, on a loaded machine. */
const ANSWER = { timeout: 180_000 };
const SOON_MS = 120_000;
/** Slow enough to be looked at on a loaded machine: the models here have four megabytes. */
const SLOW_BYTES_PER_SECOND = 60_000;
const FIRST_BYTES_PER_SECOND = 200_000;

const model = (name) => join(ROOT, 'models/experts', name, `${name}.gguf`);

/** The catalogue's repositories, each with a small model of ours in the place of its file. */
function catalogue() {
  const text = readFileSync(join(ROOT, 'models/catalog.toml'), 'utf8');
  const found = text.matchAll(/^repo = "(.+)"\nfile = "(.+)"$/gm);
  return Object.fromEntries([...found].map(([, repo, file]) => [repo, { licence: 'apache-2.0', files: { [file]: model('geography') } }]));
}

let browser;
let hub;
let swarm;
/** The node whose owner we are, and one beside it that hosts what competes. */
let node;
before(async () => {
  browser = await startBrowser();
  hub = await startHub({ ...catalogue(), 'someone/Symbols-GGUF': { licence: 'mit', files: { 'symbols-f16.gguf': model('chemistry') } } });
  swarm = emptySwarm();
  // Its card is edited, so it is a copy.
  const copy = join(swarm.folder, 'card');
  cpSync(join(ROOT, 'models/experts/geography'), copy, { recursive: true });
  node = swarm.node('owned', { expert: copy, more: ['--rest', '127.0.0.1:0'], env: { HF_ENDPOINT: hub.url } });
  node.card = join(copy, 'card.toml');
  node.at = await node.console();
  swarm.address = await node.told(/listening on (\S+)/);
  swarm.node('units', { more: ['--rest', 'off'] });
});
after(async () => {
  await browser?.close();
  await swarm?.stop();
  hub?.close();
});

async function own(of, view, screen, work) {
  await visit(browser, { url: of.at.url, place: `/${of.at.hash}` }, screen, async (page, visited) => {
    await page.goto(`${of.at.url}/#/${view}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await work(page, visited);
  });
}

async function ask(page, question) {
  await page.getByLabel('Ask the swarm').fill(question);
  await page.keyboard.press('Enter');
  await page.locator('article footer').last().waitFor(ANSWER);
  return page.locator('.answer').last().innerText();
}

const item = (page, name) => page.getByRole('article', { name });
const served = (page, name) => page.getByRole('article').filter({ has: page.getByRole('heading', { level: 3, name }) });

test('a model is fetched from a mirror, cancelled, gone on with, served and asked', async () => {
  await own(node, 'models/get', SCREENS.desktop, async (page) => {
    await page.getByRole('heading', { name: 'Recommended for this machine' }).waitFor();
    // Which of the two depends on the machine's memory.
    await page.getByRole('button', { name: /^Get talker(-small)?$/ }).first().waitFor();
    await page.getByRole('button', { name: /^Show \d+ other/ }).click();
    await audit(page, 'catalogue');
    await picture(page, 'get');

    hub.bytesPerSecond = SLOW_BYTES_PER_SECOND;
    await page.getByLabel('Where from').fill('someone/Symbols-GGUF');
    await page.keyboard.press('Enter');
    const pull = item(page, 'someone/Symbols-GGUF');
    const bar = pull.getByRole('progressbar', { name: 'Fetching someone/Symbols-GGUF' });
    await bar.waitFor();
    const share = () => bar.evaluate((node) => node.position);
    await until('some of it is there', SOON_MS, async () => (await share()) > 0.1);
    const before = await share();
    await until('there is more of it', SOON_MS, async () => (await share()) > before);
    await pull.getByText(/\/s$/).waitFor();
    await pull.getByText('Licence: mit').waitFor();
    await audit(page, 'fetching');
    await picture(page, 'fetching');
    await pull.getByRole('button', { name: 'Cancel' }).click();
    await pull.getByText('cancelled').waitFor();
    await audit(page, 'cancelled');

    // Nobody looks while nothing runs.
    let looks = 0;
    page.on('request', (request) => (looks += request.url().endsWith('/v1/node/pulls') ? 1 : 0));
    await pause(2_000);
    assert.equal(looks, 0);

    hub.bytesPerSecond = Infinity;
    await pull.getByRole('button', { name: 'Go on' }).click();
    await pull.getByText('It has no card yet.').waitFor(ANSWER);
    assert.ok(hub.ranges.at(-1) > 0, `it goes on where it was: ${hub.ranges}`);
    assert.equal(await pull.getByLabel('Name').inputValue(), 'symbols');
    assert.equal(await pull.getByRole('button', { name: 'Serve it' }).isDisabled(), true);
    await pull.getByLabel('What it is good at').fill('Chemical symbols and atomic numbers of the elements.');
    await pull.getByLabel('Questions it answers well').fill('What is the chemical symbol for gold?\nWhich element has the symbol Fe?');
    await audit(page, 'to be served');
    await picture(page, 'serve');
    await pull.getByRole('button', { name: 'Serve it' }).click();
    await pull.getByText('served as symbols').waitFor(ANSWER);

    await page.goto(`${node.at.url}/#/chat`);
    await page.locator('option', { hasText: 'Only symbols' }).waitFor({ state: 'attached', ...ANSWER });
    assert.match(await ask(page, 'What is the chemical symbol for silver?'), /Ag/);
    assert.match(await page.locator('.plan .task').last().innerText(), /symbols/);
  });
});

test('what is fetched is verified, and no longer served if its owner says so', async () => {
  await own(node, 'models', SCREENS.desktop, async (page) => {
    const symbols = served(page, 'symbols');
    await symbols.getByRole('button', { name: 'Verify the file' }).click();
    await symbols.getByText('The file is the one that the card names.').waitFor(ANSWER);
    await audit(page, 'verified');
    // The settings name this one.
    assert.equal(await served(page, 'geography').getByRole('button', { name: 'Stop serving' }).count(), 0);
    await symbols.getByRole('button', { name: 'Stop serving' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Stop serving' }).click();
    await symbols.waitFor({ state: 'detached', ...ANSWER });
    // Fetched again it is there at once, with the card that it has got.
    await page.goto(`${node.at.url}/#/models/get`);
    await page.getByRole('button', { name: 'Take someone/Symbols-GGUF off the list' }).click();
    await page.getByLabel('Where from').fill('someone/Symbols-GGUF');
    await page.keyboard.press('Enter');
    const pull = item(page, 'someone/Symbols-GGUF');
    await pull.getByRole('button', { name: 'Serve it' }).click(ANSWER);
    await pull.getByText('served as symbols').waitFor(ANSWER);
  });
});

test('what cannot be had is told, and taken off the list', async () => {
  await own(node, 'models/get', SCREENS.phone, async (page, { expect }) => {
    await page.getByLabel('Where from').fill('nobody/nothing');
    await page.keyboard.press('Enter');
    const pull = item(page, 'nobody/nothing');
    await pull.getByText('is not there: is the name right?').waitFor(ANSWER);
    await audit(page, 'failed');
    await pull.getByRole('button', { name: 'Try again' }).click();
    await pull.getByText('is not there: is the name right?').waitFor(ANSWER);
    await pull.getByRole('button', { name: 'Take nobody/nothing off the list' }).click();
    await pull.waitFor({ state: 'detached' });
    expect(/status of 400/);
    await page.getByLabel('Where from').fill('no source at all?');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').waitFor();
  });
});

test('a card is edited: the preview tells what comes to it, and the swarm what it says', async () => {
  const prompt = 'How many furlongs are in a league?';
  await own(node, 'models', SCREENS.desktop, async (page) => {
    await page.getByRole('button', { name: 'Edit the card of geography' }).click();
    const form = page.getByRole('form', { name: 'Card of geography' });
    await form.getByLabel('Sample prompts').fill(prompt);
    const first = form.getByRole('list', { name: 'Candidates, best first' }).getByRole('listitem').first();
    await first.getByText('units').waitFor(ANSWER);
    await audit(page, 'card');
    const description = form.getByLabel('What it is good at');
    await description.fill('Old measures of length: furlongs, leagues, chains and rods.');
    await form.getByLabel('Questions it answers well').fill(`${prompt}\nHow long is a rod?`);
    await first.getByText('this card').waitFor(ANSWER);
    await form.getByText('1 of 1 prompt would come to this card.').waitFor();
    await form.getByText('Not saved yet').waitFor();

    // Whoever goes elsewhere is asked first, and may stay.
    await page.getByRole('link', { name: 'Swarm', exact: true }).click();
    await page.getByRole('alertdialog').getByText('Leave without saving?').waitFor();
    await audit(page, 'unsaved');
    await page.keyboard.press('Escape');
    await page.getByRole('alertdialog').waitFor({ state: 'hidden' });
    assert.match(page.url(), /#\/models$/);
    assert.match(await description.inputValue(), /furlongs/);
    await form.getByRole('button', { name: 'Revert' }).click();
    assert.match(await description.inputValue(), /^Geography of countries/);
    await description.fill('');
    await form.getByText('One line of 1 to 1,024 bytes.').waitFor();
    assert.equal(await form.getByRole('button', { name: 'Save' }).isDisabled(), true);

    await description.fill('Capitals, continents, currencies, and old measures such as furlongs.');
    await form.getByLabel('Languages').fill('en, de');
    await form.getByRole('button', { name: 'Save' }).click();
    await form.getByText('Saved and announced.').waitFor(ANSWER);
    await form.getByRole('button', { name: 'Close' }).click();
    await served(page, 'geography').getByText('en, de').waitFor(ANSWER);
    await page.goto(`${node.at.url}/#/swarm/experts`);
    await page.getByRole('row', { name: /^geography/ }).getByText('and old measures such as furlongs').waitFor(ANSWER);
  });
  assert.match(readFileSync(node.card, 'utf8'), /old measures such as furlongs/);
});

test('without the owner’s key a card is shown, and not saved', async () => {
  await visit(browser, { url: node.at.url, place: '/#/models' }, SCREENS.narrow, async (page) => {
    await page.getByRole('button', { name: 'Edit the card of geography' }).click();
    const form = page.getByRole('form', { name: 'Card of geography' });
    await form.getByText('This is for the owner of the node.').waitFor();
    await form.getByLabel('What it is good at').fill('Anything.');
    assert.equal(await form.getByRole('button', { name: 'Save' }).isDisabled(), true);
    await form.getByRole('button', { name: 'Revert' }).click();
  });
});

for (const [name, screen] of Object.entries(SCREENS)) {
  test(`the owner’s views on a screen that is ${name}`, async () => {
    await own(node, 'models/get', screen, async (page) => {
      await page.getByRole('button', { name: /^Show \d+ other/ }).click();
      await audit(page, `catalogue, ${name}`);
      for (const view of ['settings', 'settings/swarms', 'settings/keys']) {
        await page.goto(`${node.at.url}/#/${view}`);
        await page.waitForFunction(() => !document.querySelector('main [role="status"].loading'));
        await audit(page, `${view}, ${name}`);
        if (name === 'phone') await picture(page, `owner-${view.replace('/', '-')}`);
      }
      await page.goto(`${node.at.url}/#/models`);
      await page.getByRole('button', { name: 'Edit the card of geography' }).click();
      await page.getByText(/would come to this card/).waitFor(ANSWER);
      await audit(page, `card, ${name}`);
      await page.getByRole('list', { name: 'Candidates, best first' }).nth(3).scrollIntoViewIfNeeded();
      if (name === 'desktop') await picture(page, 'card');
    });
  });
}

test('from nothing to the first answer', async () => {
  // A swarm of its own, where nobody is.
  const alone = emptySwarm();
  alone.namespace += '-alone';
  try {
    const empty = alone.node('empty', { expert: null, more: ['--rest', '127.0.0.1:0'], env: { HF_ENDPOINT: hub.url } });
    empty.at = await empty.console();
    await visit(browser, { url: empty.at.url }, SCREENS.phone, async (page) => {
      await page.getByText('As the owner of the node you get one right here').waitFor();
      await page.getByText('daemon console', { exact: true }).waitFor();
      await page.getByText('By commands').click();
      await page.getByText('daemon run --model').waitFor();
      await audit(page, 'nothing yet, without the key');
    });
    await visit(browser, { url: empty.at.url, place: `/${empty.at.hash}` }, SCREENS.desktop, async (page) => {
      await page.getByRole('heading', { name: 'talker-small' }).waitFor();
      await page.getByRole('link', { name: 'Join a private swarm' }).waitFor();
      await audit(page, 'nothing yet');
      await picture(page, 'nothing');
      hub.bytesPerSecond = FIRST_BYTES_PER_SECOND;
      await page.getByRole('button', { name: 'Get it and serve it' }).click();
      await page.getByRole('progressbar').waitFor();
      await audit(page, 'fetching the first');
      hub.bytesPerSecond = Infinity;
      await page.getByText('1 expert can be asked').waitFor(ANSWER);
      await page.locator('.ideas button').first().click();
      await page.locator('article footer').last().waitFor(ANSWER);
      assert.notEqual((await page.locator('.answer').innerText()).trim(), '');
      assert.ok(existsSync(join(empty.state, 'polymath/models/Qwen__Qwen2.5-0.5B-Instruct-GGUF/card.toml')));
    });
  } finally {
    await alone.stop();
  }
});
