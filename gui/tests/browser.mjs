// A browser that tells on the page: what it logs, what it asks of other hosts, what it makes hard to use.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { chromium } from 'playwright-core';
import { ROOT } from './swarm.mjs';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
// The browser itself shall call nobody either; and it may run as root in a container.
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--no-first-run', '--disable-default-apps',
];
export const SCREENS = {
  desktop: { viewport: { width: 1440, height: 900 }, colorScheme: 'light' },
  dark: { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' },
  phone: { viewport: { width: 390, height: 844 }, colorScheme: 'light', isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
  narrow: { viewport: { width: 320, height: 640 }, colorScheme: 'dark', isMobile: true, hasTouch: true },
};
/** Of whatever the page should do at once; a loaded machine takes its time. */
const TIMEOUT_MS = 120_000;
const IMAGES = join(ROOT, 'docs/images');
/** Pictures that the documentation shows. */
const SHOWN = ['chat', 'nothing', 'task', 'swarm', 'models', 'card', 'get', 'trust'];

export async function startBrowser() {
  if (!existsSync(CHROMIUM)) throw new Error(`no browser at ${CHROMIUM}: apt-get install chromium, or set CHROMIUM`);
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
}

/** A page in a profile of its own. `check` fails on whatever it did that it should not. */
export async function open(browser, url, screen = SCREENS.desktop) {
  const context = await browser.newContext({ ...screen, serviceWorkers: 'block' });
  context.setDefaultTimeout(TIMEOUT_MS);
  const page = await context.newPage();
  const faults = [];
  const expected = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) faults.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`thrown: ${error.message}`));
  page.on('request', (request) => {
    const to = request.url();
    if (!to.startsWith(`${url}/`) && !to.startsWith('data:') && !to.startsWith('blob:')) faults.push(`asks ${to}`);
  });
  return {
    page,
    context,
    /** What the browser logs of a reply that the test provoked is no fault. */
    expect: (pattern) => expected.push(pattern),
    check() {
      const left = faults.filter((fault) => !expected.some((pattern) => pattern.test(fault)));
      assert.deepEqual(left, [], 'the page complained, or asked somebody else');
    },
    async close() {
      await context.close();
    },
  };
}

/** A visit at a place of a console, from which nothing may be complained of. */
export async function visit(browser, { url, place = '/' }, screen, work) {
  const visited = await open(browser, url, screen);
  try {
    await visited.page.goto(url + place);
    await work(visited.page, visited);
    visited.check();
  } finally {
    await visited.close();
  }
}

/** Goes there by Tab alone. */
export async function reach(page, what, limit = 60) {
  for (let presses = 0; presses < limit; presses += 1) {
    await page.keyboard.press('Tab');
    if (await what.evaluate((node) => node === document.activeElement)) return;
  }
  assert.fail(`not reached by ${limit} presses of Tab: ${what}`);
}

/** Nothing that axe finds, and nothing that sticks out to the side. */
export async function audit(page, where) {
  // What fades in has no contrast yet.
  await page.evaluate(() => {
    const ending = document.getAnimations().filter((one) => Number.isFinite(one.effect.getComputedTiming().endTime));
    return Promise.allSettled(ending.map((one) => one.finished)).then(() => {});
  });
  const { violations } = await new AxeBuilder({ page }).analyze();
  const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target} ${node.failureSummary}`).join('\n  ')}`);
  assert.deepEqual(told, [], `${where}: axe`);
  const wide = await page.evaluate(() => {
    const main = document.querySelector('main');
    return document.documentElement.scrollWidth > window.innerWidth || main.scrollWidth > main.clientWidth;
  });
  assert.equal(wide, false, `${where}: wider than the screen`);
}

/** A picture, if such are wanted: for the documentation (`SCREENSHOTS=1`), or of everything (`SCREENSHOTS=FOLDER`). */
export async function picture(page, name) {
  const wanted = process.env.SCREENSHOTS;
  if (!wanted || (wanted === '1' && !SHOWN.includes(name))) return;
  const folder = wanted === '1' ? IMAGES : wanted;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `console-${name}.png`), animations: 'disabled', scale: 'css' });
}
