/** The server is up and has answered with an error, which says what to do. */
export class ServerRefused extends Error {}

/** The error of a verb that failed for a reason of the server's, or of the way to it. `answered`: it came from the server. */
export function serverError(
  server: string,
  {
    answered,
    reason,
    advice,
  }: { readonly answered: boolean; readonly reason: string; readonly advice?: string | undefined },
  cause: unknown,
): Error {
  const what = answered ? 'refused' : 'did not answer'
  const message = `the ${server} server ${what} (${reason})${advice === undefined ? '' : `; ${advice}`}`
  return new (answered ? ServerRefused : Error)(message, { cause })
}
