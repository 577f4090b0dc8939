/** Imports a module from this folder's packages; untyped, as it may not be installed. @param {string} name @returns {Promise<any>} */
export const rival = (name) => import(name)
