/** A module as this folder has it; known to nobody before it is installed. @param {string} name @returns {Promise<any>} */
export const rival = (name) => import(name)
