// Lets the job's argument cross the wire. In a file of its own, because cereal takes long to
// compile.
#include "pipeline_states.hpp"

#include <am/cereal.hpp>

AM_ARGS(file_pipeline::JobOrder, "file_pipeline.JobOrder")
