// Asks before an invitation out of a link is followed.

const invoke = (command, values) => window.__TAURI_INTERNALS__.invoke(command, values);
const part = (id) => document.getElementById(id);

function show(offer) {
  if (!offer || offer.problem) {
    part('title').textContent = 'This link leads nowhere';
    part('text').textContent = offer ? `It was refused: ${offer.problem}.` : 'It was opened already.';
    part('decline').focus();
    return;
  }
  part('title').textContent = `Join the private swarm “${offer.name}”?`;
  part('text').textContent =
    'Its members can send questions to your node there, and yours to theirs. Join only if you know who invited you. ' +
    (offer.addresses.length ? 'Your node would look for them at:' : 'The invitation names no node to start from.');
  part('addresses').replaceChildren(
    ...offer.addresses.map((address) => Object.assign(document.createElement('li'), { textContent: address })),
  );
  part('decline').textContent = 'Not now';
  part('accept').hidden = false;
  // The answer that does nothing is the one that a key pressed by chance gives.
  part('decline').focus();
  part('accept').addEventListener('click', () => accept(offer.number), { once: true });
}

async function accept(number) {
  part('accept').hidden = true;
  part('addresses').replaceChildren();
  part('text').textContent = '';
  try {
    const name = await invoke('accept', { number });
    part('title').textContent = `You are in “${name}”`;
    part('text').textContent = 'Your node there is one of its own. It does not run yet.';
    part('start').hidden = false;
    part('start').addEventListener('click', () => start(name));
  } catch (problem) {
    part('title').textContent = 'Joining did not work';
    part('problem').textContent = String(problem);
  }
  part('decline').textContent = 'Close';
  part('decline').focus();
}

async function start(name) {
  part('start').disabled = true;
  part('problem').textContent = '';
  part('title').textContent = `Your node in “${name}” starts…`;
  try {
    await invoke('start');
    part('title').textContent = `Your node in “${name}” runs`;
    part('text').textContent = 'It goes on until you stop it. Its console is under Settings, Private swarms, in this program’s window.';
    part('start').hidden = true;
    part('decline').focus();
  } catch (problem) {
    part('title').textContent = 'Your node does not start';
    part('problem').textContent = String(problem);
    part('start').disabled = false;
  }
}

part('decline').addEventListener('click', () => invoke('decline'));
addEventListener('keydown', (event) => event.key === 'Escape' && invoke('decline'));
show(await invoke('offer'));
