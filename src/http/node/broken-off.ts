/** The rejection for an answer that the server itself aborted by destroying the connection. */
export class BrokenOff extends Error {
  constructor() {
    super('the handler broke its answer off: the connection was destroyed before the end')
  }
}
