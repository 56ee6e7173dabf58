// Conversations on this device, in IndexedDB: a plan with its candidates would soon fill localStorage.

import type { Turn } from './turn';

export interface Conversation {
  id: string;
  title: string;
  createdAt: number;
  updatedAt: number;
  turns: Turn[];
}

const DATABASE = 'polymath';
const TABLE = 'conversations';

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(TABLE, { keyPath: 'id' });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function run<T>(mode: IDBTransactionMode, work: (table: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const request = work(database.transaction(TABLE, mode).objectStore(TABLE));
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  } finally {
    database.close();
  }
}

export const store = {
  all: () => run<Conversation[]>('readonly', (table) => table.getAll()),
  put: (conversation: Conversation) => run('readwrite', (table) => table.put(conversation)),
  remove: (id: string) => run('readwrite', (table) => table.delete(id)),
  clear: () => run('readwrite', (table) => table.clear()),
};
