// What `require('aevb')` loads, in versions of Node that can require an ES module.

require('./built.cjs')('index.js')

module.exports = require('../dist/index.js')
