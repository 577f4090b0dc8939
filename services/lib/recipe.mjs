// What defines a kind of service. To add one: a file in kinds/ and a line in kinds/index.mjs.

/**
 * @typedef {object} Recipe
 * @property {Needs} needs
 * @property {(home: Home) => Promise<string>} start Starts the servers and returns the URL of the service.
 *
 * @typedef {object} Needs
 * @property {readonly string[]} commands All of them must be found.
 * @property {readonly string[]} packages Their Debian packages.
 * @property {readonly string[]} [folders] Where to look before PATH.
 * @property {string} [jars] A folder of services/java: what Maven has to fetch.
 *
 * @typedef {object} Home
 * @property {string} dir An empty folder, removed when the service ends.
 * @property {readonly string[]} args Added to every command line by `server`.
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
 * @property {Record<string, string>} [env] In addition to ours.
 * @property {string} dir Its working directory, with its log.
 * @property {{ uid: number, gid: number }} [user] The user it runs as; default: ours.
 * @property {NodeJS.Signals} [fast] The signal for an orderly shutdown; default SIGTERM.
 * @property {NodeJS.Signals} [immediate] The signal for an immediate end; default SIGKILL.
 * @property {number} [patienceMs] How long an orderly shutdown may take; default 10 000.
 * @property {() => Promise<boolean>} ready Whether it answers clients now.
 */

export {}
