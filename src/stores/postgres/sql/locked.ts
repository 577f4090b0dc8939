/**
 * The rows that the leases in `asked` still hold, locked one after the other in the order of their ids, so that two
 * batches never wait for each other. What comes back is the newest version, whatever the snapshot says. The inner
 * query stays one (FOR UPDATE), so it walks the index for each id.
 */
export function lockedSql(operations: string, condition: string): string {
  return `
    SELECT a AS asked, o.* FROM (SELECT * FROM asked ORDER BY id) a CROSS JOIN LATERAL (
      SELECT o.id, o.state, o.result_kind, o.lease_until, o.retain_until FROM ${operations} o
      WHERE o.id = a.id AND o.owner = a.owner AND o.fence = a.fence AND ${condition} FOR UPDATE
    ) o`
}
