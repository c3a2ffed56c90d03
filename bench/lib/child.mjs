// One case of one trial: node child.mjs TRIAL CASE, the case as JSON. Prints the result as a line of JSON.

const [name, one] = process.argv.slice(2)
const { measure } = await import(`../trials/${name}.mjs`)
console.log(JSON.stringify(await measure(JSON.parse(one))))
