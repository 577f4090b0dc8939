/**
 * The rows that the leases in `asked` still hold, locked in the order of their ids, so that two batches never deadlock.
 * Returns the newest version of each row, whatever the snapshot says. FOR UPDATE keeps the inner query from being
 * flattened, so the index is used for each id.
 */
export function lockedSql(operations: string, condition: string): string {
  return `
    SELECT a AS asked, o.* FROM (SELECT * FROM asked ORDER BY id) a CROSS JOIN LATERAL (
      SELECT o.id, o.state, o.result_kind, o.lease_until, o.retain_until FROM ${operations} o
      WHERE o.id = a.id AND o.owner = a.owner AND o.fence = a.fence AND ${condition} FOR UPDATE
    ) o`
}
