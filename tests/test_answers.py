"""Answers as students write them (tests/answers): a wrong one has to be seen to be wrong, a right one has to be left alone.

An answer is a function `<target>__<what>`: `scale_backward__mean_over_positions` answers `scale_backward`. The first line of
its docstring says `WRONG: ` and what a tutor would say, or `RIGHT: ` and what is unusual about it. The answers were written
before the checker could be asked, so they are no copies of its tables. They are data: pytest does not import them.

`NAMED` holds what the checker calls a mistake, where that is what the tutor says too. An answer that is not in it only has
to be rejected: some mistakes have no name, and "wrong for larger N" is then the honest thing to say.
"""
import ast
import functools
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from minisenet import gradcheck

FOLDER = Path(__file__).parent / "answers"
ALONE = ("hostile",)                # these run in a process of their own only
LIMITS = dict(time_limit=4.0, memory_limit=2 ** 29)

# What the checker calls it: the answers that it says it of, and rightly.
NAMED = {
    "absolute value": "relu__absolute_value",
    "leaky ReLU":
        "relu__leaky relu_backward__leaky excitation__leaky excitation_backward__leaky "
        "residual_block__leaky_at_the_end se_block__leaky",
    "input overwritten":
        "relu__in_place batch_norm__in_place softmax_cross_entropy_backward__p_in_place residual_block__adds_into_x "
        "scale__in_place sgd_step__grad_changed squeeze__cleared_afterwards",
    "minimum for maximum": "relu__minimum",
    "axes missing":
        "relu__one_number sigmoid_backward__scalar_result scale_backward__scalar squeeze__without_batch "
        "squeeze__drops_axes_of_one max_pool2d_backward__flat",
    "mask returned": "relu__mask",
    "returns its argument": "relu__input_when_nothing_to_do",
    "one flag for all": "relu_backward__one_flag_for_all",
    "dy forgotten": "relu_backward__mask_only sigmoid_backward__no_upstream scale_backward__u_for_dy",
    "mask from dy": "relu_backward__mask_of_gradient",
    "mask turned round": "relu_backward__other_way_round",
    "output for mask": "relu_backward__times_y",
    "upstream gradient overwritten":
        "relu_backward__in_place excitation_backward__ds_overwritten residual_block_backward__dy_masked_in_place "
        "scale_backward__dy_in_place scale_backward__dy_in_place_first se_block_backward__dy_scaled_in_place "
        "squeeze_backward__divides_in_place",
    "NaN or infinity":
        "relu_backward__zero_over_zero softmax_cross_entropy__overflow softmax_cross_entropy__log_of_zero "
        "softmax_cross_entropy_backward__divides_by_p",
    "sign of the exponent":
        "sigmoid__sign excitation__sign_of_exponent residual_block__sign_of_exponent se_block__sign_of_exponent",
    "tanh for sigmoid": "sigmoid__tanh excitation__tanh",
    "hard sigmoid": "sigmoid__hard excitation__hard_sigmoid se_block__hard_sigmoid",
    "brackets missing": "sigmoid__missing_brackets",
    "float32 inside": "sigmoid__float32 conv2d__float32_inside scale_backward__float32",
    "softmax for sigmoid": "sigmoid__softmax excitation__softmax excitation__softmax_without_keepdims "
        "excitation__softmax_that_overflows",
    "sigmoid's own value": "sigmoid_backward__y",
    "half of the slope": "sigmoid_backward__one_minus_y excitation_backward__half_a_sigmoid",
    "sigmoid applied twice": "sigmoid_backward__of_input scale__sigmoid_again excitation__sigmoid_twice",
    "tanh's slope": "sigmoid_backward__of_tanh",
    "sign inside the slope": "sigmoid_backward__plus",
    "integers returned":
        "sigmoid_backward__integers conv2d__integer_buffer softmax_cross_entropy_backward__integers "
        "scale__zeros_like_int",
    "unbiased variance":
        "batch_norm__ddof_1 batch_norm__returns_unbiased_variance batch_norm__unbiased_by_hand "
        "batch_norm_backward__unbiased_mean batch_norm_backward__unbiased_throughout "
        "batch_norm_backward__both_means_unbiased",
    "statistics per image": "batch_norm__per_image",
    "statistics over everything": "batch_norm__over_everything",
    "statistics per position": "batch_norm__over_the_batch_only",
    "axes of (N, C, H, W)":
        "batch_norm__nchw_axes scale_backward__sum_of_channels squeeze__nchw_axes batch_norm__nchw_throughout "
        "batch_norm_backward__nchw_axes batch_norm_backward__parameters_of_the_rows conv2d__reads_nchw",
    "eps outside the root": "batch_norm__eps_outside",
    "eps forgotten": "batch_norm__no_eps batch_norm_backward__eps_forgotten batch_norm_backward__eps_forgotten_in_dx",
    "variance for deviation": "batch_norm__divided_by_variance batch_norm_backward__divided_by_variance",
    "gamma and beta exchanged": "batch_norm__gamma_and_beta_swapped",
    "wrong number of results":
        "batch_norm__only_y conv2d_backward__two_of_three softmax_cross_entropy__loss_only excitation__only_gates "
        "excitation_backward__only_dz max_pool2d__only_values residual_block__y_only "
        "residual_block_backward__pair_of_pairs scale_backward__only_ds scale_backward__three "
        "se_block_backward__three_of_five",
    "deviation for variance": "batch_norm__std_for_var",
    "keepdims left in":
        "batch_norm__statistics_keep_dims linear_backward__db_keeps_a_row scale_backward__keepdims squeeze__keepdims",
    "mean of squares": "batch_norm__variance_around_zero",
    "mean term dropped": "batch_norm_backward__mean_forgotten",
    "xhat term dropped": "batch_norm_backward__variance_forgotten",
    "statistics taken for constants": "batch_norm_backward__constants",
    "term: gamma k xhat mean(dy xhat) has the wrong sign": "batch_norm_backward__plus_for_minus",
    "term: gamma k mean(dy) has the wrong sign": "batch_norm_backward__plus_mean",
    "dgamma from x": "batch_norm_backward__dgamma_with_x",
    "dgamma from x - mean": "batch_norm_backward__dgamma_not_normalised",
    "factor 1 / (N H W)": "channel_shift_backward",
    "mean for sum":
        "batch_norm_backward__means_for_parameters batch_norm_backward__dbeta_mean "
        "scale_backward__mean_over_positions",
    "term: gamma k mean(dy) is multiplied by H W": "batch_norm_backward__m_is_the_batch",
    "term: gamma k mean(dy) is multiplied by N": "batch_norm_backward__m_without_batch",
    "term: gamma k mean(dy) is multiplied by W / H": "batch_norm_backward__m_square_maps",
    "another eps": "batch_norm_backward__eps_fixed",
    "term: gamma k xhat mean(dy xhat) is there twice": "batch_norm_backward__half_missing",
    "term: gamma k xhat mean(dy xhat) is halved": "batch_norm_backward__two_missing",
    "power of the slope": "batch_norm_backward__wrong_power",
    "term: gamma k mean(dy) is multiplied by N H W": "batch_norm_backward__mean_not_shared_out",
    "gamma forgotten": "batch_norm_backward__gamma_forgotten",
    "results in the wrong order":
        "batch_norm_backward__parameters_swapped conv2d_backward__dw_first excitation__h_first "
        "excitation_backward__weights_in_wrong_order excitation_backward__biases_swapped "
        "linear_backward__dx_and_dw_swapped residual_block_backward__dx_first scale_backward__swapped "
        "se_block__gates_in_another_order max_pool2d__argmax_first",
    "xhat forgotten outside": "batch_norm_backward__xhat_forgotten_outside",
    "not summed over all axes":
        "conv2d_backward__db_over_batch_only softmax_cross_entropy__one_loss_each "
        "excitation_backward__not_summed_over_batch linear__keeps_the_inputs",
    "statistics of the batch": "batch_norm_inference__own_statistics",
    "beta inside the factor": "batch_norm_inference__beta_scaled",
    "statistics taken for functions of x": "batch_norm_inference_backward__as_in_training",
    "kernel flipped": "conv2d__kernel_flipped conv2d_backward_weight__flipped",
    "one row and column short": "conv2d__one_row_short",
    "ceil for floor": "conv2d__ceil_for_floor",
    "stride on the wrong axis": "conv2d__stride_axes_swapped conv2d_backward_input__strides_mixed_up",
    "stride ignored":
        "conv2d__stride_ignored conv2d_backward_input__stride_forgotten conv2d_backward_weight__stride_forgotten "
        "conv2d_backward__stride_forgotten_in_both",
    "padding with the edge": "conv2d__edge_padding",
    "padding on one side": "conv2d__padding_on_one_side conv2d_backward_input__cropped_at_the_end",
    "padding on the wrong axis": "conv2d__padding_axes_swapped",
    "dilation ignored": "conv2d__dilation_ignored conv2d_backward_input__dilation_forgotten",
    "groups mixed up": "conv2d__groups_interleaved",
    "first group only": "conv2d__first_group_only conv2d__depthwise_first_channel",
    "bias at every tap": "conv2d__bias_at_every_tap",
    "term: b is missing": "conv2d__bias_forgotten linear__bias_ignored",
    "output size": "max_pool2d__stride_one",
    "reshaped, not transposed":
        "conv2d__reshape_for_transpose conv2d__columns_reshaped excitation_backward__dw_reshaped "
        "scale__gates_reshaped squeeze__mean_of_means_reshaped squeeze_backward__repeat_then_reshape",
    "patch and kernel in different orders": "conv2d__patch_not_transposed",
    "summed over the images": "conv2d__adds_over_images",
    "raises IndexError": "conv2d__loop_bounds_swapped scale_backward__swapped_bounds",
    "last tap only": "conv2d__last_tap_wins",
    "height of the kernel for its width": "conv2d__square_kernels_only",
    "kernel flipped in dx": "conv2d_backward_input__not_flipped",
    "overlapping windows overwrite":
        "conv2d_backward_input__overwrites max_pool2d_backward__overwrites max_pool2d_backward__fancy_plus "
        "avg_pool2d_backward__overlap_overwritten",
    "padding not cut off": "conv2d_backward_input__padding_not_cropped avg_pool2d_backward__size_of_padded",
    "empty result": "conv2d_backward_input__minus_padding_slice",
    "raises ValueError":
        "conv2d_backward_input__channels_not_transposed squeeze__fails_for_wide_maps linear__not_transposed "
        "linear_backward__w_transposed scale__raises_for_one_image",
    "no bias gradient":
        "linear_backward__db_always_none se_block_backward__no_biases excitation_backward__biases_never "
        "se_block_backward__biases_not_asked_for",
    "wrong kind of result":
        "conv2d_backward_input__list_of_lists conv2d_backward__nested squeeze__yields squeeze__text "
        "squeeze__equal_to_all squeeze__dictionary squeeze_backward__a_tuple_in_a_tuple conv2d__tuple "
        "residual_block_backward__shortcut_none scale_backward__no_du squeeze__python_list squeeze__object_array",
    "factor 1 / N":
        "conv2d_backward_weight__mean_over_images excitation_backward__batch_mean linear_backward__dw_averaged "
        "scale_backward__divided_by_batch squeeze_backward__divided_by_batch",
    "factor 1 / (H' W')": "conv2d_backward_weight__mean_over_positions",
    "axes in the wrong order":
        "conv2d_backward_weight__wrong_layout squeeze_backward__nchw squeeze_backward__width_first "
        "conv2d__keeps_the_images_last",
    "last image only": "conv2d_backward_weight__last_image_only linear_backward__last_image",
    "not the same when called again":
        "conv2d_backward_weight__never_zeroed squeeze__noise squeeze__answers_only_once "
        "squeeze_backward__mutable_default squeeze_backward__one_buffer_for_all",
    "factor 1 / (N H' W')": "conv2d_backward__db_mean",
    "small number in the logarithm": "softmax_cross_entropy__small_number_in_log",
    "softmax over the batch": "softmax_cross_entropy__over_the_batch",
    "mean over everything": "softmax_cross_entropy__mean_over_classes",
    "divided by K": "softmax_cross_entropy__divided_by_classes softmax_cross_entropy_backward__divided_by_classes",
    "not divided by N":
        "softmax_cross_entropy__sum softmax_cross_entropy_backward__not_averaged softmax_cross_entropy__sum_of_log_p",
    "sign of the loss": "softmax_cross_entropy__sign",
    "labels of the whole batch in every row":
        "softmax_cross_entropy__all_rows_labelled softmax_cross_entropy_backward__all_rows",
    "integers inside": "softmax_cross_entropy__zeros_like_labels",
    "smoothing over the others":
        "softmax_cross_entropy__smooths_over_the_others softmax_cross_entropy_backward__smooths_over_the_others "
        "softmax_cross_entropy__others_and_log_p",
    "label keeps all of its weight":
        "softmax_cross_entropy__smoothing_on_top softmax_cross_entropy_backward__smoothing_on_top",
    "label smoothing forgotten":
        "softmax_cross_entropy__smoothing_ignored softmax_cross_entropy_backward__smoothing_ignored",
    "constant factor": "softmax_cross_entropy__bits",
    "log-probabilities returned": "softmax_cross_entropy__returns_logs",
    "sign": "softmax_cross_entropy_backward__sign",
    "divided by N K": "softmax_cross_entropy_backward__divided_by_size",
    "divided by N twice": "softmax_cross_entropy_backward__n_twice",
    "upstream gradient ignored": "softmax_cross_entropy_backward__dloss_ignored",
    "labels as numbers": "softmax_cross_entropy_backward__labels_as_numbers",
    "softmax's slope": "softmax_cross_entropy_backward__of_sigmoid",
    "gradient of the logarithm only": "softmax_cross_entropy_backward__of_p",
    "label's column only": "softmax_cross_entropy_backward__label_column_only",
    "activations exchanged": "excitation__activations_swapped se_block__swaps_activations",
    "ReLU forgotten": "excitation__no_relu local_se_block__linear_inside",
    "sigmoid missing": "excitation__no_sigmoid local_se_block__open_gates",
    "weights exchanged": "excitation__weights_swapped se_block_backward__mixes_the_weights",
    "h before the ReLU": "excitation__hidden_before_relu",
    "bias after the ReLU": "excitation__bias_after_relu",
    "ReLU before the sigmoid": "excitation__relu_twice",
    "weights not transposed": "excitation__no_transpose",
    "sigmoid forgotten": "excitation_backward__no_sigmoid se_block_backward__no_sigmoid",
    "mask from dh": "excitation_backward__mask_from_gradient",
    "transposed": "excitation_backward__dw_transposed linear__columns",
    "first image only": "excitation_backward__first_image linear__one_sample_only",
    "W1 not undone": "excitation_backward__stops_at_h",
    "does not return": "squeeze__never_ends squeeze__never_ends_for_one_image squeeze__prints_for_ever",
    "too much memory": "squeeze__allocates_100_gigabytes squeeze__list_grows",
    "ends the process": "scale__calls_exit scale__claims_success scale__crashes",
    "raises RecursionError": "relu__calls_itself",
    "not written yet": "relu__not_done",
    "returns None": "relu__no_return conv2d__nothing_for_groups",
    "raises ModuleNotFoundError": "relu__helper_not_handed_in",
    "raises NameError": "relu__name_of_the_notebook",
    "raises AssertionError": "squeeze__fails_for_one_image",
    "raises TypeError": "squeeze__one_argument_too_many scale_backward__not_enough_arguments",
    "imports minisenet": "squeeze__asks_the_library squeeze__asks_the_library_in_this_folder",
    "global state changed": "squeeze__seeds",
    "bias along the wrong axis": "linear__bias_as_column",
    "rounded": "linear__rounded",
    "dw transposed": "linear_backward__dw_transposed",
    "bias averaged": "linear_backward__db_averaged",
    "sum over the wrong axis": "linear_backward__db_wrong_axis",
    "argument returned": "linear_backward__db_is_dy",
    "dw reshaped, not transposed": "linear_backward__reshaped",
    "the forward fails": "cube_backward",
    "padding counted as zero": "max_pool2d__zeros_win",
    "position in the window": "max_pool2d__position_in_window",
    "position in the padded image": "max_pool2d__position_in_padded",
    "winners of the first image": "max_pool2d_backward__first_image",
    "factor KH KW": "avg_pool2d__sum avg_pool2d_backward__not_divided",
    "padding always counted": "avg_pool2d__padding_always_counts",
    "padding never counted": "avg_pool2d__padding_never_counts",
    "factor KW / KH": "avg_pool2d_backward__square_of_height",
    "shortcut forgotten": "residual_block__no_shortcut residual_block_backward__shortcut_forgotten",
    "ReLU before the sum": "residual_block__relu_before_sum",
    "ReLU missing": "residual_block__no_relu",
    "shortcut gated too": "residual_block__shortcut_scaled_too",
    "block after the sum": "residual_block__squeezes_the_sum",
    "shortcut squeezed": "residual_block__squeezes_x",
    "gates on the shortcut": "residual_block__u_and_x_swapped",
    "shortcut not masked": "residual_block_backward__shortcut_not_masked",
    "branch not masked": "residual_block_backward__branch_not_masked",
    "mask forgotten in ds": "residual_block_backward__ds_not_masked",
    "mask from u": "residual_block_backward__mask_from_u residual_block_backward__mask_from_gated",
    "squeeze path dropped":
        "residual_block_backward__no_squeeze_path se_block_backward__no_squeeze_path "
        "se_block_backward__no_squeeze_path_and_no_mask",
    "squeeze path not shared out": "residual_block_backward__dz_in_full se_block_backward__dz_in_full",
    "shortcut gated": "residual_block_backward__shortcut_scaled",
    "ways added": "residual_block_backward__shortcut_added_to_du",
    "one result for another": "residual_block_backward__dx_is_du",
    "gates along the wrong axes": "scale__nchw scale__one_axis_missing se_block__gates_along_the_width",
    "gates of the first image": "scale__gates_of_first_image",
    "gates averaged": "scale__mean_gate scale_backward__averaged_gates",
    "residual around the gates": "scale__one_plus_gate se_block__shortcut_inside",
    "gates added": "scale__adds",
    "last channel left out": "scale__loops_leave_out_the_last",
    "not summed": "scale_backward__ds_not_summed",
    "summed apart": "scale_backward__product_of_sums",
    "summed over the batch": "scale_backward__over_the_batch",
    "gates forgotten": "scale_backward__du_is_dy scale_backward__du_is_dy_itself",
    "u forgotten": "scale_backward__ds_without_u",
    "y for u": "scale_backward__ds_from_y",
    "one axis missed": "scale_backward__rows_only",
    "sigmoid's slope too": "scale_backward__sigmoid_inside",
    "factor 1 / (H W)": "scale_backward__shares_out",
    "sum for mean":
        "squeeze__sum squeeze__patches_allclose se_block__sum_squeeze squeeze_backward__not_shared_out "
        "residual_block__sum_squeeze squeeze__adds_in_loops squeeze_backward__as_if_it_added "
        "squeeze__sum_into_a_real_buffer squeeze_backward__sum_as_a_view",
    "max-pooled squeeze": "se_block__max_squeeze squeeze__max",
    "block never called": "se_block__not_scaled",
    "mean of absolute values": "se_block__squeezes_absolute_values",
    "batch averaged": "se_block__batch_descriptor squeeze__over_the_batch",
    "scale path dropped": "se_block_backward__no_scale_path",
    "term: dz / (H W) is there twice": "se_block_backward__squeeze_path_twice",
    "term: dz / (H W) has the wrong sign": "se_block_backward__paths_subtracted",
    "paths multiplied": "se_block_backward__paths_multiplied",
    "term: dz / (H W) is multiplied by W / H": "se_block_backward__height_squared",
    "y for u in ds": "se_block_backward__y_for_u",
    "mean for sum in ds": "se_block_backward__ds_mean",
    "squeeze path scaled too": "se_block_backward__squeeze_of_scaled",
    "step uphill": "sgd_step__uphill",
    "learning rate inside the velocity": "sgd_step__lr_in_velocity",
    "weight decay on the velocity": "sgd_step__weight_decay_of_velocity",
    "weight decay forgotten": "sgd_step__weight_decay_forgotten",
    "weight decay's sign": "sgd_step__weight_decay_sign",
    "weight decay doubled": "sgd_step__twice_the_decay",
    "gradient damped": "sgd_step__dampened",
    "not written in place": "sgd_step__new_arrays sgd_step__velocity_not_kept",
    "Nesterov without the gradient": "sgd_step__nesterov_without_gradient",
    "old velocity used": "sgd_step__old_velocity",
    "momentum forgotten": "sgd_step__no_momentum",
    "momentum on the gradient": "sgd_step__momentum_on_gradient",
    "mean over the channels": "squeeze__over_channels",
    "wrong divisor": "squeeze__height_squared",
    "height for width in the loops": "squeeze__height_twice_in_the_loops",
    "float32 returned": "squeeze__float32",
    "factor W": "squeeze_backward__height_only",
    "height twice": "squeeze_backward__height_squared",
    "not broadcast": "squeeze_backward__not_broadcast",
    "first position only": "squeeze_backward__one_position",
    "floor division": "squeeze_backward__floor_division",
    "wrong sign": "squeeze_backward__minus",
    "nothing masked":
        "relu_backward__greater_or_equal residual_block_backward__no_mask_at_all relu_backward__no_mask "
        "residual_block_backward__greater_or_equal",
    "sigmoid overflows":
        "sigmoid__overflow sigmoid__overflow_only_above excitation__overflow se_block__overflow",
    "last row left out": "squeeze__last_row_left_out scale_backward__last_row_left_out",
    "first column left out": "squeeze__first_column_left_out",
    "mask without b1": "excitation_backward__mask_without_b1",
    "weight decay fixed": "sgd_step__decay_of_a_ten_thousandth",
    "Nesterov with a fixed momentum": "sgd_step__nesterov_of_nine_tenths",
    "velocity for the gradient": "sgd_step__nesterov_of_the_velocity",
    "means over the wrong axes":
        "batch_norm_backward__means_of_layer_norm "
        "batch_norm_backward__per_image batch_norm_backward__over_axis_zero batch_norm_backward__means_over_the_batch "
        "batch_norm_backward__means_over_the_channels batch_norm_backward__means_over_everything",
    "dead units let through":
        "excitation_backward__no_relu_mask excitation_backward__mask_lets_all_through se_block_backward__no_relu "
        "excitation_backward__mask_from_z excitation_backward__mask_from_s se_block_backward__mask_greater_or_equal "
        "local_se_block_backward__no_mask",
    "sigmoid forgotten in dw2": "excitation_backward__dw2_before_sigmoid",
    "weight decay decoupled": "sgd_step__weight_decay_after sgd_step__decay_of_the_new_value",
    "no look ahead": "sgd_step__nesterov_ignored sgd_step__nesterov_old_velocity",
    "input cut off": "sigmoid__clipped",
    "cut off at 6": "relu__at_most_six",
    "mask of the first image": "relu_backward__mask_of_first_image excitation_backward__mask_from_first_image",
    "slope taken twice": "sigmoid_backward__slope_twice excitation_backward__slope_twice se_block_backward__slope_twice",
    "slope forgotten": "sigmoid_backward__slope_of_relu",
    "keepdims forgotten":
        "batch_norm__per_image_without_keepdims softmax_cross_entropy__without_keepdims "
        "softmax_cross_entropy__maximum_without_keepdims",
    "gamma dy for dy": "batch_norm_backward__gamma_in_the_mean_only",
    "labels from 1": "softmax_cross_entropy__labels_from_one softmax_cross_entropy_backward__labels_from_one",
    "smoothing to nobody": "softmax_cross_entropy__smoothing_to_nobody softmax_cross_entropy_backward__smoothing_to_nobody",
    "no smoothing for the label": "softmax_cross_entropy__smoothing_k_for_the_others",
    "e and 1 - e exchanged": "softmax_cross_entropy__smoothing_exchanged",
    "smoothing not shared out":
        "softmax_cross_entropy__smoothing_sum_of_classes softmax_cross_entropy_backward__smoothing_not_shared_out",
    "b1 forgotten": "excitation__b1_forgotten",
    "swish for ReLU": "excitation__swish",
    "slope taken twice in dw2": "excitation_backward__slope_twice_in_dw2",
    "masked too late": "excitation_backward__masked_too_late se_block_backward__masked_too_late",
    "mask forgotten in dz": "excitation_backward__dz_not_masked",
    "mask from z": "residual_block_backward__masked_with_z",
    "gates turned round": "scale__one_minus_gate",
    "one gate for all channels": "scale__mean_over_channels",
    "squeeze path added": "scale_backward__second_path",
    "biases forgotten": "se_block__biases_not_passed_on",
    "b2 forgotten": "se_block__second_bias_not_passed_on",
    "velocity as a step": "sgd_step__velocity_downhill",
    "velocity's sign": "sgd_step__velocity_of_minus_g",
    "momentum fixed": "sgd_step__momentum_of_nine_tenths sgd_step__momentum_of_one_tenth",
    "momentum and 1 - momentum exchanged": "sgd_step__momentum_turned_round",
    "1 - momentum for momentum": "sgd_step__one_minus_momentum",
    "Nesterov without the momentum": "sgd_step__nesterov_without_momentum",
    "Nesterov without weight decay": "sgd_step__nesterov_instead_of_g",
    "one pixel for the map": "squeeze__middle_pixel",
    "root of the mean square": "squeeze__root_mean_square",
    "multiplied, not divided": "squeeze_backward__times_positions",
    "no padding above and on the left":
        "conv2d_backward_input__crops_bottom_only conv2d__padding_below_and_right "
        "conv2d_backward_weight__padding_below_and_right avg_pool2d__padding_below_and_right",
    "size of dx": "conv2d_backward_input__too_small conv2d_backward_input__size_of_dy",
    "earlier result returned": "squeeze__cached_by_shape",
    "argmax read as w H + h": "max_pool2d_backward__height_for_width",
    "last position only": "conv2d_backward_weight__last_position_wins",
    "padding at one end": "conv2d__padded_once",
    "size of dw": "conv2d_backward_weight__kernel_from_sizes",
    "last row and column left out": "conv2d__range_short conv2d_backward_input__range_short avg_pool2d_backward__range_short",
    "last row left out": "conv2d__last_row_not_visited max_pool2d_backward__range_short",
    "last column left out": "conv2d_backward_weight__last_column_not_read",
    "negative indices wrap": "conv2d__negative_index",
    "indices wrap": "conv2d__circular conv2d_backward_input__modulo conv2d_backward_weight__modulo",
    "padding mirrored": "conv2d__mirrored",
    "stride and dilation exchanged":
        "conv2d__stride_and_dilation_exchanged conv2d__options_in_the_other_order "
        "conv2d_backward_input__stride_and_dilation_exchanged",
    "groups interleaved":
        "conv2d__groups_of_every_gth_channel conv2d__groups_interleaved_throughout "
        "conv2d_backward_weight__groups_of_every_gth_channel conv2d_backward_input__groups_of_every_gth_channel",
    "groups joined in the wrong order": "conv2d__groups_joined_the_other_way",
    "array not cleared": "conv2d__empty conv2d_backward_weight__empty_like max_pool2d_backward__empty_like linear__empty",
    "term: b has the wrong sign": "linear__minus_bias",
    "kernel flipped, in one branch": "conv2d__flipped_when_strided",
    "term: b is missing, in one branch": "conv2d__no_bias_when_padded",
    "one branch not written yet":
        "conv2d__groups_not_written conv2d__dilation_not_written linear_backward__without_bias_not_written "
        "max_pool2d__padding_not_written softmax_cross_entropy__smoothing_not_written",
    "stride ignored, in one branch": "conv2d__pointwise_forgets_stride",
    "all zeros, in one branch": "conv2d_backward_input__zero_when_strided linear_backward__nothing_without_bias",
    "factor 1 / N, in one branch": "conv2d_backward_weight__mean_when_strided",
    "term: b has the wrong sign, in one branch": "linear__bias_subtracted_for_one_image",
    "factor KH KW, in one branch": "avg_pool2d__sum_when_padded",
    "step uphill, in one branch": "sgd_step__momentum_off_goes_uphill",
    "sum for mean, in one branch": "squeeze__sum_for_wide_maps",
    "maps in the wrong order": "concat__last_first",
    "offsets not added up": "concat_backward__sizes_as_offsets",
    "always from the first channel": "concat_backward__same_channels_for_all",
    "groups and size exchanged": "channel_shuffle__inverse",
    "not transposed": "channel_shuffle__reshape_only",
    "shuffled again": "channel_shuffle_backward__same_shuffle",
    "weight of the first image": "shake__one_alpha",
    "branches exchanged": "shake__swapped",
    "as for a sum": "shake_backward__as_add",
    "one weight for both": "shake_backward__same_weight",
    "mask without its scale": "dropout_backward__not_scaled",
    "nothing dropped": "dropout_backward__lets_all_through",
    "tanh overflows": "tanh__by_exponentials",
    "tanh(x / 2)": "tanh__half_as_steep",
    "square forgotten": "tanh_backward__not_squared",
    "sigmoid's slope": "tanh_backward__of_the_sigmoid",
    "mean for maximum": "max_squeeze__mean",
    "dz shared out": "max_squeeze_backward__shared_out",
    "dz everywhere": "max_squeeze_backward__everywhere",
    "path through the gates dropped": "local_se_block_backward__direct_path_only",
}
# What is no wrong number: float32 that becomes float64 is noted, since the proofs run in float64.
OPEN = {"squeeze_backward__always_float64": "float32 in, float64 out is a note"}
EXPECTED = {answer: mistake for mistake, answers in NAMED.items() for answer in answers.split()}

# Files that do not get as far as a call. Each was meant to hold a function `squeeze`.
FILES = {"syntax_error": "syntax error", "missing_module": "cannot be imported", "exits_at_import": "ends the process",
         "library_at_import": "imports minisenet", "hangs_at_import": "does not return"}
# These cost their time limit each; `squeeze__never_ends` is enough for every day.
HANG = {"squeeze__never_ends_for_one_image", "squeeze__prints_for_ever", "hangs_at_import"}


@dataclass(frozen=True)
class Answer:
    """One function of one file, and what its docstring says about it."""

    topic: str
    name: str
    right: bool
    sentence: str

    @property
    def like(self):
        """The function that it answers."""
        return self.name.partition("__")[0]

    @property
    def target(self):
        """FILE:FUNCTION. A layer of one's own is checked as a pair, by the name of its forward."""
        own = self.topic == "own_layers"
        return f"{FOLDER / self.topic}.py:{self.name.removesuffix('_backward') if own else self.name}"


def read(path):
    """The answers of a file, which is parsed and not run."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        first = (ast.get_docstring(node) or "").partition("\n")[0] if isinstance(node, ast.FunctionDef) else ""
        verdict, _, sentence = first.partition(": ")
        if verdict in ("RIGHT", "WRONG"):
            yield Answer(path.stem, node.name, verdict == "RIGHT", sentence)


ANSWERS = [answer for path in sorted(FOLDER.glob("*.py")) if path.stem not in FILES for answer in read(path)]
RIGHT, WRONG = [a for a in ANSWERS if a.right], [a for a in ANSWERS if not a.right]


def each(answers):
    """A parameter for each answer, by its name."""
    return pytest.mark.parametrize("answer", [pytest.param(a, id=a.name, marks=_marks(a)) for a in answers])


def _marks(answer):
    slow = [pytest.mark.slow] * (answer.name in HANG)
    return slow + [pytest.mark.xfail(reason=OPEN.get(answer.name))] * (answer.name in OPEN)


@functools.cache
def module(topic):
    """A file of harmless answers, imported here."""
    spec = importlib.util.spec_from_file_location(f"answers_{topic}", FOLDER / f"{topic}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def here(answer):
    """The verdict in this process, which takes a tenth of a second."""
    if answer.topic in ALONE:
        return alone(answer)
    function = getattr(module(answer.topic), answer.name)
    if answer.topic == "own_layers":
        return gradcheck.check(getattr(module(answer.topic), answer.name.removesuffix("_backward")), backward=function)
    return gradcheck.check(function, like=answer.like)


def alone(answer, **limits):
    """The verdict on the file in a process of its own."""
    like = None if answer.topic == "own_layers" else answer.like
    return gradcheck.check_file(answer.target, like=like, **(limits or LIMITS))


def said(verdict):
    """What a verdict says, in a form that holds for all of them: plain JSON, 80 columns, no bracket left open for a name."""
    text = str(verdict)
    assert json.loads(json.dumps(verdict.to_dict()))["passed"] == verdict.passed
    assert max(map(len, text.splitlines())) <= 80
    assert "{}" not in text
    return text


@each(RIGHT)
def test_a_right_answer_is_left_alone(answer):
    verdict = here(answer)
    assert verdict.passed and verdict.mistake is None, said(verdict)
    assert "WRONG" not in said(verdict)


@each(WRONG)
def test_a_wrong_answer_is_rejected_and_its_mistake_named(answer):
    verdict = here(answer)
    assert not verdict.passed, answer.sentence
    assert answer.name not in EXPECTED or verdict.mistake == EXPECTED[answer.name], f"{answer.sentence}\n{said(verdict)}"
    assert verdict.like in (answer.like, answer.name.removesuffix("_backward"))
    assert said(verdict)


@pytest.mark.parametrize("file", [pytest.param(file, marks=[pytest.mark.slow] * (file in HANG)) for file in FILES])
def test_a_file_that_cannot_be_asked(file):
    verdict = gradcheck.check_file(f"{FOLDER / file}.py:squeeze", **LIMITS)
    assert not verdict.passed and verdict.mistake == FILES[file], said(verdict)
    assert said(verdict)


@pytest.mark.slow
@each([a for a in ANSWERS if a.topic not in ALONE][::6])               # a second each; the difference is the process, not the answer
def test_a_process_of_its_own_changes_no_verdict(answer):
    isolated, direct = alone(answer, time_limit=60.0), here(answer)
    assert (isolated.passed, isolated.mistake) == (direct.passed, direct.mistake) and isolated.passed == answer.right


def test_there_are_enough_of_them():
    """And the table names no answer that is not there."""
    assert len(WRONG) >= 60 and len(RIGHT) >= 30
    assert len(EXPECTED) >= 45 and set(EXPECTED) <= {a.name for a in WRONG} and set(OPEN) <= {a.name for a in ANSWERS}
    assert sum(len(answers.split()) for answers in NAMED.values()) == len(EXPECTED)          # none stands in it twice
    assert len({a.name for a in ANSWERS}) == len(ANSWERS)


@pytest.mark.parametrize("wrong", ["du", "ds"])
def test_the_answers_are_judged_and_not_waved_through(wrong):
    """A right answer with one number of its result changed is wrong."""
    right = module("scale").scale_backward__class

    def scale_backward(dy, u, s):
        du, ds = right(dy, u, s)
        (du if wrong == "du" else ds).flat[-1] += 1e-6
        return du, ds

    assert gradcheck.check(right, like="scale_backward").passed
    assert not gradcheck.check(scale_backward).passed
