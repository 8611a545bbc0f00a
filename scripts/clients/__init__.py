"""What real clients say of transfers that a store refused or cut: the causes, the clients, and the pages that tell it."""
