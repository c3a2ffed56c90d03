// The models that are measured, and how many floating-point operations they cost.

/** A model with one hidden layer on each side, `input`-`hidden`-`latent`-`hidden`-`input`. */
export function model({ input = 784, hidden = 200, latent = 10, likelihood = 'bernoulli' } = {}) {
  const encoder = input * hidden + hidden * 2 * latent
  const decoder = latent * hidden + hidden * input
  return {
    config: { input, encoder: [hidden], latent, decoder: [hidden], likelihood },
    // Per row, dense: a multiplication and an addition for each weight.
    encodeFlop: 2 * encoder,
    decodeFlop: 2 * decoder,
    // Forward, gradient of the weights, and gradient of the inputs but for the first layer, whose input is the data.
    trainFlop: 2 * (3 * (encoder + decoder) - input * hidden),
  }
}

export const reference = model()
