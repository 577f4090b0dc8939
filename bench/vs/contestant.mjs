/** @typedef {'first' | 'duplicate' | 'round-trips' | 'bytes'} Part */

/**
 * One way of running an operation once.
 * @typedef {object} Contestant
 * @property {string} name
 * @property {'redis' | 'postgres'} on
 * @property {(url: string) => Promise<Entry>} open
 * @property {boolean} [ours]
 * @property {Part} [only] The only part in which it differs from another one.
 * @property {boolean} [slow] Its bytes are measured over fewer operations.
 *
 * @typedef {object} Entry
 * @property {(key: string, effect: () => Promise<object>) => Promise<unknown>} call Runs the effect unless the key is known; a payload of the same content goes with it.
 * @property {() => unknown} close
 */

export {}
