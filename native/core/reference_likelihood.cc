#include "reference_likelihood.h"
#include <cmath>
namespace aevb::reference {
Vector likelihood_loss(const LikelihoodSpec& spec, const Parameters& parameters, const Vector& decoded, const Vector& x, std::size_t B, std::size_t L, std::size_t D) {
 auto dense=[&](const char* n){ const Vector& bias=parameters.at(std::string("likelihood.")+n+".bias"); const Vector& w=parameters.at(std::string("likelihood.")+n+".weight"); return dense_forward(decoded,w,bias,B*L,w.size()/bias.size(),bias.size()); };
 if(spec.type==LikelihoodType::gaussian){ if(spec.dispersion==DispersionType::perDatum) return gaussian_datum_forward(dense("mean"),dense("logVariance"),spec.log_dispersion_min,spec.log_dispersion_max,x,B,L,D);
  Vector lv(D,std::log(spec.fixed_dispersion)); if(spec.dispersion!=DispersionType::fixed){ const Vector& raw=parameters.at("likelihood.logVariance"); for(size_t i=0;i<D;i++) lv[i]=soft_bound(raw[i%raw.size()],spec.log_dispersion_min,spec.log_dispersion_max);} return gaussian_forward(dense("mean"),lv,x,B,L,D);}
 return bernoulli_forward(dense("logits"),x,B,L,D); }
}
