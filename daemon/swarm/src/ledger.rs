//! Who delivered what to whom: receipts that both sides sign, the accounts that follow from them, and what an account is worth.
//!
//! A [`Receipt`] is about one finished task. The asker, who owes for it, signs first; the expert signs the same bytes, or holds
//! its own version against it. An [`Entry`] is what one side keeps of that, an [`Account`] what all entries with one node come
//! to. Both sides count a task once, by its id, and both count what both say: where two versions differ, the smaller.

mod account;
mod entry;
mod receipt;
mod settlement;

pub use account::{Account, Credit, Priority};
pub use entry::{Entry, EntryError, State, Version};
pub use receipt::{PRICE_MICRO_MAX, RECEIPT_BYTES, Receipt, ReceiptError};
pub use settlement::{SETTLED_AT_ONCE_MAX, Settlement};
