// What one kind of service is made of. Adding a kind: one file beside the others in kinds/, one line in kinds/index.mjs.

/**
 * @typedef {object} Recipe
 * @property {Needs} needs
 * @property {(home: Home) => Promise<string>} start Starts the servers and answers the URL of the whole.
 *
 * @typedef {object} Needs
 * @property {readonly string[]} commands All of them must be found.
 * @property {readonly string[]} packages What Debian calls them.
 * @property {readonly string[]} [folders] Where to look before PATH.
 * @property {string} [jars] A folder of services/java: what Maven has to fetch.
 *
 * @typedef {object} Home
 * @property {string} dir An empty folder, removed when the service ends.
 * @property {readonly string[]} args What the caller adds to every command line; `server` does it.
 * @property {(spec: ServerSpec) => Promise<import('./server.mjs').Server>} server Starts one process and waits until it is ready.
 * @property {(spec: ServerSpec) => Promise<import('./server.mjs').Server>} helper The same for a process that the servers
 *   need and no test sees: it is not among `processes`, and a restart of the service leaves it alone.
 *
 * @typedef {object} ServerSpec
 * @property {string} name
 * @property {string} url
 * @property {number} port
 * @property {string} command
 * @property {readonly string[]} args
 * @property {Record<string, string>} [env] Besides ours.
 * @property {string} dir Where it runs and where its log goes.
 * @property {{ uid: number, gid: number }} [user] Whom it runs as; default: as we do.
 * @property {NodeJS.Signals} [fast] The signal for an orderly end; default SIGTERM.
 * @property {NodeJS.Signals} [immediate] The signal for an end without any order; default SIGKILL.
 * @property {number} [patienceMs] How long an orderly end may take; default 10 000.
 * @property {() => Promise<boolean>} ready Whether it answers a client by now.
 */

export {}
