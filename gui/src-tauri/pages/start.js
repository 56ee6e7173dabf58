// Shows how the node is until there is a console, which then takes this page's place.

const invoke = (command, values) => window.__TAURI_INTERNALS__.invoke(command, values);
const part = (id) => document.getElementById(id);

/** How often it is asked: a start takes seconds, and this page is not there for long. */
const POLL_MS = 400;

const TEXTS = {
  looking: ['Looking for your node', ''],
  starting: ['Your node is starting', 'The first time it loads its models, which takes a moment.'],
  waiting: ['Your node has stopped', 'It is started again in a moment.'],
  up: ['Your node is running', 'The console opens.'],
  failed: ['Your node does not run', ''],
  over: ['Your node is being stopped', ''],
  connect: ['Which node?', 'A node that listens to other machines shows its console at its address. It will ask for a key.'],
};

function show({ phase, reason, lines, address }) {
  const [title, text] = TEXTS[phase] ?? TEXTS.looking;
  // A text that is set again is read out again.
  if (part('title').textContent !== title) part('title').textContent = title;
  document.title = `${title} · Polymath`;
  part('text').textContent = [reason && sentence(reason), text].filter(Boolean).join(' ');
  const isTrouble = phase === 'failed' || phase === 'waiting';
  part('progress').hidden = phase === 'failed' || phase === 'connect';
  part('actions').hidden = !isTrouble;
  part('said').hidden = lines.length === 0 || !(isTrouble || phase === 'starting');
  const said = lines.join('\n');
  if (part('lines').textContent !== said) part('lines').textContent = said;
  if (part('connect').hidden && phase === 'connect') {
    part('connect').hidden = false;
    part('address').value = address ?? '';
  }
}

function sentence(reason) {
  const text = reason[0].toUpperCase() + reason.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

async function follow() {
  try {
    show(await invoke('situation'));
  } catch {
    // The program is not ready to say; it is asked again.
  }
  setTimeout(follow, POLL_MS);
}

part('retry').addEventListener('click', () => invoke('retry'));
part('log').addEventListener('click', () => invoke('show_log'));
part('connect').addEventListener('submit', async (event) => {
  event.preventDefault();
  try {
    await invoke('connect', { address: part('address').value });
  } catch (problem) {
    part('text').textContent = sentence(String(problem));
  }
});

follow();
