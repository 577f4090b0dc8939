/** Messages under way at a time, on every side. */
export const UNDER_WAY = 50
/** Of each side, all its pools together. */
export { CONNECTIONS } from '../../stores/by-hand/postgres.mjs'
/** Transactions at a time where a side needs connections besides, to fetch. */
export const TRANSACTIONS = 8
