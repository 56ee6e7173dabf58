// First of all: it takes the owner's key out of the address.
import './lib/api/key.svelte';
import { mount } from 'svelte';
import App from './App.svelte';
import './design/tokens.css';
import './design/base.css';
import './design/controls.css';

// The node was updated under an open page: what the page wants to fetch has another name now. Once is enough.
const RELOADED = 'polymath.reloaded';
addEventListener('vite:preloadError', () => {
  if (Date.now() - Number(sessionStorage.getItem(RELOADED)) < 10_000) return;
  sessionStorage.setItem(RELOADED, String(Date.now()));
  location.reload();
});

const target = document.getElementById('app');
if (target) mount(App, { target });
