// HDF5: the arrays in the root group of a file, as h5py writes them and D4RL and DSRL publish them (link parapet::hdf5).
//
//     io::read_hdf5("data.hdf5", {{"observations", scalar_type::f32, 2}, {"rewards", scalar_type::f32, 1}});
//
// Reads integers, floats and h5py's bool (an enumeration of FALSE and TRUE), plain or in chunks under any filter that
// libhdf5 has. Text attributes of the root are the metadata. What a dataset says about itself is held against the bytes
// that it has in the file before memory is taken, and data outside of the file are refused; but the bytes are parsed by
// libhdf5, so a file from a stranger is as safe as libhdf5 is (docs/io.md).
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/named_tensor.hpp>
#include <parapet/io/convert.hpp>
#include <parapet/io/file.hpp>
#include <parapet/io/hdf5_handle.hpp>
#include <parapet/io/text.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::io {

/// What to read: a dataset, and where given the type to convert it to (f32 or f64) and the number of its axes. Axes of
/// extent 1 at the end are dropped to reach `rank`: (N, 1) is read as (N).
struct hdf5_request {
  std::string name;
  std::optional<scalar_type> type = {};
  std::optional<int> rank = {};
};

struct hdf5_limits {
  index_t max_bytes = index_t{1} << 36;  ///< of one array in memory
  index_t max_attributes = 1024;
  index_t max_text = 1 << 20;  ///< bytes of one text attribute
};

namespace detail {

/// Throws unless the bytes of the dataset lie in this file, this libhdf5 can decode them, and they are enough for what it
/// claims to hold: deflate, the strongest filter on data that mean anything, makes at most 1032 bytes of one.
inline void check_hdf5_storage(hid_t dataset, index_t bytes, index_t file_size, std::string const& where) {
  hdf5_properties const properties(check_hdf5(H5Dget_create_plist(dataset), where, "cannot read its properties"));
  if (H5Pget_layout(properties) == H5D_VIRTUAL || H5Pget_external_count(properties) != 0)
    throw io_error(where + ": its data lie in other files");
  int const filters = check_hdf5(H5Pget_nfilters(properties), where, "cannot read its filters");
  for (int i = 0; i < filters; ++i) {
    unsigned flags = 0, config = 0;
    std::size_t values = 0;
    char name[64] = "";
    H5Z_filter_t const filter =
        H5Pget_filter2(properties, static_cast<unsigned>(i), &flags, &values, nullptr, sizeof name, name, &config);
    if (H5Zfilter_avail(filter) <= 0)
      throw io_error(concat(where, ": needs the filter ", filter, " ", printable(name), ", which this libhdf5 does not have"));
  }
  auto const stored = static_cast<index_t>(H5Dget_storage_size(dataset));
  if (stored < 0 || stored > file_size || bytes / 1032 > stored)
    throw io_error(concat(where, ": claims ", bytes, " bytes of data, of which the file stores ", stored));
}

inline void read_hdf5_dataset(tensor_archive& archive, hid_t file, index_t file_size, hdf5_request const& request,
                              hdf5_limits const& limits) {
  std::string const where = concat(archive.source(), ": dataset ", printable(request.name));
  if (!is_plain_file_name(request.name)) throw argument_error(where + ": not a plain name in the root group");
  if (request.type && *request.type != scalar_type::f32 && *request.type != scalar_type::f64)
    throw argument_error(where + ": can be converted to f32 or f64 only");
  H5L_info_t link{};
  if (H5Lexists(file, request.name.c_str(), H5P_DEFAULT) <= 0) throw io_error(where + " does not exist");
  check_hdf5(H5Lget_info(file, request.name.c_str(), &link, H5P_DEFAULT), where, "cannot be opened");
  if (link.type != H5L_TYPE_HARD) throw io_error(where + " is a link to another place");
  hdf5_dataset const dataset(check_hdf5(H5Dopen2(file, request.name.c_str(), H5P_DEFAULT), where, "cannot be opened"));
  hdf5_type const type(check_hdf5(H5Dget_type(dataset), where, "cannot read its type"));
  hdf5_space const space(check_hdf5(H5Dget_space(dataset), where, "cannot read its shape"));
  scalar_type const stored = parse_hdf5_type(type, where);

  if (H5Sget_simple_extent_type(space) == H5S_NULL) throw io_error(where + " has no shape");
  hsize_t dims[H5S_MAX_RANK];
  int const rank = check_hdf5(H5Sget_simple_extent_dims(space, dims, nullptr), where, "cannot read its shape");
  std::vector<index_t> shape;
  index_t span = std::max(size_of(stored), size_of(request.type.value_or(stored)));
  for (int axis = 0; axis < rank; ++axis) {
    if (dims[axis] > 0 && static_cast<hsize_t>(limits.max_bytes / span) < dims[axis])
      throw io_error(concat(where, ": has more than the limit of ", limits.max_bytes, " bytes"));
    span *= dims[axis] > 0 ? static_cast<index_t>(dims[axis]) : 1;
    shape.push_back(static_cast<index_t>(dims[axis]));
  }
  std::string const full_shape = shape_text(shape);
  if (request.rank) {
    while (static_cast<int>(shape.size()) > *request.rank && shape.back() == 1) shape.pop_back();
    if (static_cast<int>(shape.size()) != *request.rank)
      throw io_error(concat(where, ": has shape ", full_shape, ", expected ", *request.rank, " axes"));
  }

  tensor_ref target{request.name, stored, shape, nullptr};
  check_hdf5_storage(dataset, target.bytes(), file_size, where);
  auto const read_into = [&](tensor_ref const& tensor) {
    if (tensor.size() == 0) return;
    check_hdf5(H5Dread(dataset, stored == scalar_type::boolean ? type : *hdf5_memory_type(stored), H5S_ALL, H5S_ALL,
                       H5P_DEFAULT, tensor.data),
               where, "cannot read its data");
    if (stored == scalar_type::boolean) check_booleans(archive.source(), tensor);
  };
  if (!request.type || *request.type == stored) return read_into(archive.add(request.name, stored, shape));
  buffer<unsigned char> unconverted(target.bytes());
  target.data = unconverted.data();
  read_into(target);
  convert(target, archive.add(request.name, *request.type, shape));
}

/// The text of an attribute of the root group, or nothing where it holds something else.
inline std::optional<std::string> read_hdf5_text(hid_t attribute, std::string const& where, hdf5_limits const& limits) {
  hdf5_type const type(check_hdf5(H5Aget_type(attribute), where, "cannot read its type"));
  hdf5_space const space(check_hdf5(H5Aget_space(attribute), where, "cannot read its shape"));
  if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_type(space) != H5S_SCALAR) return std::nullopt;
  std::string text;
  if (H5Tis_variable_str(type) > 0) {
    char* memory = nullptr;
    hdf5_type const wanted(H5Tcopy(type));
    check_hdf5(H5Aread(attribute, wanted, &memory), where, "cannot be read");
    if (memory != nullptr) text = memory;
    H5free_memory(memory);
  } else {
    std::size_t const bytes = H5Tget_size(type);
    if (bytes > static_cast<std::size_t>(limits.max_text)) throw io_error(where + ": its text is too long");
    text.resize(bytes);
    check_hdf5(H5Aread(attribute, type, text.data()), where, "cannot be read");
    if (H5Tget_strpad(type) != H5T_STR_SPACEPAD) text.resize(text.find('\0') < bytes ? text.find('\0') : bytes);
  }
  if (text.size() > static_cast<std::size_t>(limits.max_text)) throw io_error(where + ": its text is too long");
  return text;
}

/// The root's text attributes become the metadata of the archive.
inline void read_hdf5_metadata(tensor_archive& archive, hid_t file, hdf5_limits const& limits) {
  struct listing {
    std::vector<std::string> names;
    std::size_t most;
  } found{{}, static_cast<std::size_t>(limits.max_attributes)};
  auto const visit = [](hid_t, char const* name, H5A_info_t const*, void* out) -> herr_t {
    auto& all = *static_cast<listing*>(out);
    all.names.emplace_back(name);
    return all.names.size() > all.most ? 1 : 0;  // 1 ends the iteration
  };
  int const stopped = check_hdf5(H5Aiterate2(file, H5_INDEX_NAME, H5_ITER_INC, nullptr, visit, &found), archive.source(),
                                 "cannot list the attributes of the root group");
  if (stopped != 0) throw io_error(concat(archive.source(), ": more than ", limits.max_attributes, " attributes"));
  for (std::string const& name : found.names) {
    std::string const where = concat(archive.source(), ": attribute ", printable(name));
    hdf5_attribute const attribute(check_hdf5(H5Aopen(file, name.c_str(), H5P_DEFAULT), where, "cannot be opened"));
    if (std::optional<std::string> text = read_hdf5_text(attribute, where, limits))
      archive.metadata()[name] = std::move(*text);
  }
}

/// Opens a file that exists and is regular, and gives its size.
inline hid_t open_hdf5(std::string const& path, index_t& file_size) {
  file_size = file_reader(path).size();
  return check_hdf5(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), path, "cannot be opened as HDF5");
}

inline void write_hdf5_dataset(hid_t file, const_tensor_ref const& tensor, int gzip, std::string const& where) {
  std::optional<hid_t> const memory_type = hdf5_memory_type(tensor.type);
  if (!memory_type) throw argument_error(concat(where, ": arrays of ", name_of(tensor.type), " cannot be written"));
  hdf5_type const bool_type(make_hdf5_bool());
  hid_t const type = tensor.type == scalar_type::boolean ? static_cast<hid_t>(bool_type) : *memory_type;

  std::vector<hsize_t> const shape(tensor.shape.begin(), tensor.shape.end());
  hdf5_space const space(shape.empty() ? H5Screate(H5S_SCALAR)
                                       : H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr));
  hdf5_properties const properties(H5Pcreate(H5P_DATASET_CREATE));
  if (gzip > 0 && !shape.empty() &&
      tensor.size() > 0) {  // a filter needs chunks; about 1 MiB each, of whole rows if they are short
    std::vector<hsize_t> chunk = shape;
    index_t bytes = tensor.bytes();
    for (std::size_t axis = 0; axis < chunk.size(); ++axis)
      while (bytes > (1 << 20) && chunk[axis] > 1) {
        bytes /= static_cast<index_t>(chunk[axis]);
        chunk[axis] = (chunk[axis] + 1) / 2;
        bytes *= static_cast<index_t>(chunk[axis]);
      }
    check_hdf5(H5Pset_chunk(properties, static_cast<int>(chunk.size()), chunk.data()), where,
               "cannot be divided into chunks");
    check_hdf5(H5Pset_shuffle(properties), where, "cannot be shuffled");
    check_hdf5(H5Pset_deflate(properties, static_cast<unsigned>(gzip)), where, "cannot be compressed");
  }
  hdf5_dataset const dataset(
      check_hdf5(H5Dcreate2(file, tensor.name.c_str(), type, space, H5P_DEFAULT, properties, H5P_DEFAULT), where,
                 "cannot be created"));
  if (tensor.size() > 0)
    check_hdf5(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, tensor.data), where, "cannot be written");
}

inline void write_hdf5_text(hid_t file, std::string const& key, std::string const& value, std::string const& where) {
  if (value.find('\0') != value.npos) throw argument_error(where + ": its text contains a zero byte");
  hdf5_type const type(H5Tcopy(H5T_C_S1));
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  hdf5_space const space(H5Screate(H5S_SCALAR));
  hdf5_attribute const attribute(
      check_hdf5(H5Acreate2(file, key.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), where, "cannot be created"));
  char const* const text = value.c_str();
  check_hdf5(H5Awrite(attribute, type, &text), where, "cannot be written");
}

}  // namespace detail

/// The names of the datasets in the root group, sorted.
inline std::vector<std::string> hdf5_names(std::string const& path) {
  detail::hdf5_silence const silence;
  index_t file_size = 0;
  detail::hdf5_file const file(detail::open_hdf5(path, file_size));
  std::vector<std::string> names;
  auto const visit = [](hid_t group, char const* name, H5L_info_t const* link, void* out) -> herr_t {
    if (link->type != H5L_TYPE_HARD) return 0;
    detail::hdf5_handle<H5Oclose> const object(H5Oopen(group, name, H5P_DEFAULT));
    if (H5Iget_type(object) == H5I_DATASET) static_cast<std::vector<std::string>*>(out)->push_back(name);
    return 0;
  };
  detail::check_hdf5(H5Literate(file, H5_INDEX_NAME, H5_ITER_INC, nullptr, visit, &names), path,
                     "cannot list the root group");
  return names;
}

/// Reads the requested datasets of the root group, and its text attributes as metadata.
inline tensor_archive read_hdf5(std::string const& path, std::vector<hdf5_request> const& requests,
                                hdf5_limits const& limits = {}) {
  detail::hdf5_silence const silence;
  index_t file_size = 0;
  detail::hdf5_file const file(detail::open_hdf5(path, file_size));
  tensor_archive archive(path);
  detail::read_hdf5_metadata(archive, file, limits);
  for (hdf5_request const& request : requests) detail::read_hdf5_dataset(archive, file, file_size, request, limits);
  return archive;
}

/// Writes arrays as datasets of the root group and metadata as its text attributes, complete or not at all. `gzip` is
/// the level of compression, 0 (none) to 9. The file is made in memory: libhdf5 1.10 crashes at exit after a disk was
/// full.
inline void write_hdf5(std::string const& path, std::vector<const_tensor_ref> const& tensors,
                       std::map<std::string, std::string> const& metadata = {}, int gzip = 4) {
  if (gzip < 0 || gzip > 9) throw argument_error(detail::concat("write_hdf5: gzip is ", gzip, ", expected 0 to 9"));
  detail::hdf5_silence const silence;
  detail::hdf5_properties const in_memory(H5Pcreate(H5P_FILE_ACCESS));
  detail::check_hdf5(H5Pset_fapl_core(in_memory, 1 << 20, false), path, "cannot be made in memory");
  detail::hdf5_file const file(
      detail::check_hdf5(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, in_memory), path, "cannot be created"));
  for (const_tensor_ref const& tensor : tensors) {
    std::string const where = detail::concat(path, ": dataset ", detail::printable(tensor.name));
    if (!detail::is_plain_file_name(tensor.name)) throw argument_error(where + ": not a plain name");
    detail::write_hdf5_dataset(file, tensor, gzip, where);
  }
  for (auto const& [key, value] : metadata)
    detail::write_hdf5_text(file, key, value, detail::concat(path, ": attribute ", detail::printable(key)));
  detail::check_hdf5(H5Fflush(file, H5F_SCOPE_GLOBAL), path, "cannot be completed");

  auto const size = static_cast<index_t>(detail::check_hdf5(H5Fget_file_image(file, nullptr, 0), path, "has no size"));
  buffer<char> image(size);
  detail::check_hdf5(H5Fget_file_image(file, image.data(), static_cast<std::size_t>(size)), path, "cannot be copied");
  write_file(path, {image.data(), static_cast<std::size_t>(size)});
}

}  // namespace parapet::inline PARAPET_ABI::io
