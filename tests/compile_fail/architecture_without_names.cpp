// expect: an architecture must have the constants model_types and names
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/guard/moderation_model.hpp>

using namespace parapet;

#ifdef MISTAKE
struct my_encoder {};
#else
struct my_encoder : guard::bert {};
#endif

guard::verdict read(backend::cpu& be) {
  auto model = guard::load_moderation_model<my_encoder>(be, "guard");
  return model.classify({.prompt = "What is for dinner?"});
}
