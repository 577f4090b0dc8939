/** Messages handled concurrently, on every side. */
export const UNDER_WAY = 50
/** Connections of each side, in all its pools together. */
export { CONNECTIONS } from '../../stores/by-hand/postgres.mjs'
/** Concurrent transactions where a side needs further connections to fetch. */
export const TRANSACTIONS = 8
