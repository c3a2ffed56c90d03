// The models that are measured, and how many floating-point operations they cost.

/** A model with one hidden layer on each side, `input`-`hidden`-`latent`-`hidden`-`input`. */
export function model({ input = 784, hidden = 200, latent = 10, likelihood = 'bernoulli' } = {}) {
  const encoder = input * hidden + hidden * 2 * latent
  const decoder = latent * hidden + hidden * input
  const weights = encoder + decoder
  // A row's numbers in the workspace: layers and heads with their gradients; the data and the noise have none.
  const activations = 2 * (2 * hidden + 2 * latent + latent) + input + latent + input
  const dataBytes = likelihood === 'bernoulli' ? 1 : 4
  return {
    config: { input, encoder: [hidden], latent, decoder: [hidden], likelihood },
    // Per row, dense: a multiplication and an addition for each weight.
    encodeFlop: 2 * encoder,
    decodeFlop: 2 * decoder,
    // Forward, gradient of the weights, and gradient of the inputs but for the first layer, whose input is the data.
    trainFlop: 2 * (3 * weights - input * hidden),
    // Bytes per row, as if no cache kept anything from one pass to the next or from one step to the next. A training
    // step reads the data; writes and reads the activations; reads the weights and their transposes, writes the
    // gradient, reads and writes the weights and Adam's two moments, and writes the transposes.
    trainBytes: (batch) =>
      input * dataBytes + 4 * (2 * activations + (8 * weights + 2 * (weights - input * hidden)) / batch),
    encodeBytes: (rows, inputBytes = dataBytes) => input * inputBytes + 4 * (2 * latent + encoder / rows),
    decodeBytes: (rows) => 4 * (latent + input + decoder / rows),
  }
}

export const reference = model()

/** Floating-point operations of one row in training, dense, of any model: as `trainFlop`, from its parameters. */
export function flopOf(vae) {
  const draws = vae.config.objective?.samples ?? 1
  let flop = 0
  for (const [name, { shape }] of Object.entries(vae.parameters())) {
    if (!name.endsWith('.weight')) continue
    const size = shape[0] * shape[1]
    if (name.startsWith('decoder.') || name.startsWith('likelihood.')) flop += 6 * size * draws
    else flop += (name === 'encoder.0.weight' ? 4 : 6) * size
  }
  return flop
}

/**
 * A convolutional model: blocks of convolution 3 wide, batch normalisation, ReLU and max pooling, mirrored with nearest
 * upsampling. Its FLOP are counted as if upsampled images were computed in full.
 */
function convolutionalModel({ input, channels, latent = 16 }) {
  const block = { type: 'conv', kernel: 3, padding: 'same', norm: 'batch', pool: 2 }
  const dimensions = input.length - 1
  let [from, ...spatial] = input
  let products = 0
  for (const to of channels) {
    products += spatial.reduce((count, size) => count * size) * 3 ** dimensions * from * to
    spatial = spatial.map((size) => size / 2)
    from = to
  }
  const flat = spatial.reduce((count, size) => count * size, from)
  return {
    config: { input, encoder: channels.map((each) => ({ ...block, channels: each })), latent, decoder: 'mirror' },
    encodeFlop: 2 * (products + 2 * latent * flat),
    // Forward, and twice that back. The decoder's convolutions are the encoder's, from output to input.
    trainFlop: 3 * 2 * (2 * products + 3 * latent * flat),
  }
}

export const convolutional = {
  images: convolutionalModel({ input: [1, 32, 32], channels: [16, 32, 64, 128] }),
  volumes: convolutionalModel({ input: [1, 16, 16, 16], channels: [8, 16, 32] }),
}
