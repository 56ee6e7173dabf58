// What the owner's part of the API says, until `npm run types` has it from the daemon's document.

import type { HostedModel } from './schema';

export interface List<Item> {
  object: string;
  data: Item[];
}

export interface PrivateSwarm {
  name: string;
  running: boolean;
  /** The console of this machine's node there, with its owner's key; null while it does not run. */
  console: string | null;
}

export interface Invitation {
  name: string;
  invitation: string;
  /** Where whoever has it begins: this machine's node there, or, while that does not run, what the user's own invitation named. */
  addresses: string[];
}

export const SCOPES = ['chat', 'read', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

export interface ApiKey {
  id: string;
  name: string;
  scopes: Scope[];
  rate_per_minute: number | null;
  /** Seconds since 1970. */
  created: number;
}

export interface NewApiKey extends ApiKey {
  /** Shown this once. */
  key: string;
}

export interface CatalogModel {
  id: string;
  field: string;
  description: string;
  repo: string;
  file: string;
  licence: string;
  bytes: number;
  memory_bytes: number;
  fits: boolean;
  recommended: boolean;
}

export interface Catalog extends List<CatalogModel> {
  memory_available_bytes: number | null;
}

export interface Pull {
  id: number;
  source: string;
  state: 'running' | 'done' | 'failed' | 'cancelled';
  bytes: number;
  bytes_total: number;
  licence: string | null;
  path: string | null;
  /** The path of its card; null where there is none. */
  card: string | null;
  memory_bytes: number | null;
  error: string | null;
  /** The expert that it is served as. */
  served: string | null;
}

/** A hosted model, and whether this page has added it. */
export type Hosted = HostedModel & { added?: boolean };

export interface CardText {
  description: string;
  exemplars: string[];
  languages: string[];
  abilities: string[];
}

export interface HostedCard extends CardText {
  id: string;
  licence: string;
  editable: boolean;
  why_not: string | null;
}

export interface Previewed {
  prompt: string;
  candidates: { expert: string; peer_id: string; score: number; edited: boolean }[];
}

export interface Verification {
  id: string;
  ok: boolean;
  sha256: string | null;
  error: string | null;
}

export interface NodeSettings {
  /** The file that was read, on the node's machine. */
  file: string | null;
  /** Its sections and keys. */
  settings: Record<string, unknown>;
}
