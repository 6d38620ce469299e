// What a moderation model answers: three tasks of two classes, and the kind of harm.
//
// Tasks, classes and machine names are those of WildGuardMix (Han et al., "WildGuard: open one-stop moderation tools for safety
// risks, jailbreaks, and refusals of LLMs", NeurIPS 2024). The positive class of a task is the one that its F1 is of:
// harmful, harmful, refusal. WildGuard itself answers the three tasks only; the category is in the data, and a head for it is ours.
#pragma once

#include <parapet/config.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace parapet::inline PARAPET_ABI::guard {

/// A question with two answers about a prompt, or about a prompt and its response.
enum class task : std::uint8_t { prompt_harm, response_harm, refusal };
inline constexpr int task_count = 3;
inline constexpr std::array<task, task_count> all_tasks{task::prompt_harm, task::response_harm, task::refusal};

/// The harm of a prompt: 13 subcategories, other harms, none.
enum class category : std::uint8_t {
  sensitive_information,
  private_information,
  copyright_violations,
  false_information,
  material_harm_by_misinformation,
  stereotypes_and_discrimination,
  violence_and_physical_harm,
  toxic_language,
  sexual_content,
  cyberattack,
  fraud_and_illegal_activities,
  defamation_and_unethical_actions,
  mental_health_crisis,
  others,
  benign,
};
inline constexpr int category_count = 15;

/// The four groups of the 13 subcategories.
enum class category_group : std::uint8_t { privacy, misinformation, harmful_language, malicious_uses };
inline constexpr int category_group_count = 4;

namespace detail {

inline constexpr std::string_view task_names[task_count] = {"prompt_harm", "response_harm", "refusal"};
inline constexpr std::string_view task_columns[task_count] = {"prompt_harm_label", "response_harm_label", "response_refusal_label"};
inline constexpr std::string_view task_classes[task_count][2] = {
    {"unharmful", "harmful"}, {"unharmful", "harmful"}, {"compliance", "refusal"}};

inline constexpr std::string_view category_names[category_count] = {
    "sensitive_information_organization_government",
    "private_information_individual",
    "copyright_violations",
    "disseminating_false_or_misleading_information_encouraging_disinformation_campaigns",
    "causing_material_harm_by_disseminating_misinformation",
    "social_stereotypes_and_unfair_discrimination",
    "violence_and_physical_harm",
    "toxic_language_hate_speech",
    "sexual_content",
    "cyberattack",
    "fraud_assisting_illegal_activities",
    "defamation_encouraging_unethical_or_unsafe_actions",
    "mental_health_over-reliance_crisis",
    "others",
    "benign",
};
inline constexpr std::string_view category_titles[category_count] = {
    "sensitive information",  // of organisations and governments
    "private information",
    "copyright",
    "false information",
    "harm by misinformation",
    "stereotypes",
    "violence",
    "toxic language",
    "sexual content",
    "cyberattack",
    "fraud, illegal activities",
    "defamation, unethical acts",
    "mental health crisis",
    "other harms",
    "benign",
};
inline constexpr std::string_view group_names[category_group_count] = {"privacy", "misinformation", "harmful_language", "malicious_uses"};

/// The value whose name is `text`, or none.
template <class Enum, std::size_t N>
constexpr std::optional<Enum> find_name(std::string_view const (&names)[N], std::string_view text) {
  for (std::size_t i = 0; i < N; ++i)
    if (names[i] == text) return static_cast<Enum>(i);
  return std::nullopt;
}

}  // namespace detail

constexpr std::string_view name(task t) { return detail::task_names[static_cast<int>(t)]; }
constexpr std::optional<task> parse_task(std::string_view text) { return detail::find_name<task>(detail::task_names, text); }
/// The column of WildGuardMix that holds the task's label.
constexpr std::string_view column(task t) { return detail::task_columns[static_cast<int>(t)]; }

/// The word for one class of a task, "harmful" or "refusal" for the positive one.
constexpr std::string_view class_name(task t, bool positive) { return detail::task_classes[static_cast<int>(t)][positive]; }
/// Whether `text` names the positive class; none where it names no class of the task.
constexpr std::optional<bool> parse_class(task t, std::string_view text) {
  return detail::find_name<bool>(detail::task_classes[static_cast<int>(t)], text);
}

/// The machine name, as in the column `subcategory`.
constexpr std::string_view name(category c) { return detail::category_names[static_cast<int>(c)]; }
constexpr std::optional<category> parse_category(std::string_view text) { return detail::find_name<category>(detail::category_names, text); }
/// A few words for tables and plots.
constexpr std::string_view title(category c) { return detail::category_titles[static_cast<int>(c)]; }

constexpr std::string_view name(category_group g) { return detail::group_names[static_cast<int>(g)]; }
/// The group of a subcategory; none for others and benign.
constexpr std::optional<category_group> group(category c) {
  if (c >= category::others) return std::nullopt;
  return c <= category::copyright_violations              ? category_group::privacy
         : c <= category::material_harm_by_misinformation ? category_group::misinformation
         : c <= category::sexual_content                  ? category_group::harmful_language
                                                          : category_group::malicious_uses;
}

}  // namespace parapet::inline PARAPET_ABI::guard
