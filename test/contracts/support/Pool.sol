// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {
    IAccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/IAccessControlDefaultAdminRules.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";
import {IRewardsDistributor} from "../../../contracts/IRewardsDistributor.sol";
import {vm} from "./Vm.sol";

/// The distributor with what it inherits. Tests know its interfaces only, so that a change of the contract compiles fast.
interface IPool is IRewardsDistributor, IAccessControl, IAccessControlDefaultAdminRules, IERC5267 {
    function POSTER() external view returns (bytes32);
    function GUARDIAN() external view returns (bytes32);
    function ATTESTOR() external view returns (bytes32);
    function nonces(address account) external view returns (uint256);
}

/// Deploys a distributor.
function newPool(address admin, uint48 adminDelay, address poster, address guardian, uint32 activationDelay)
    returns (IPool pool)
{
    bytes memory code = abi.encodePacked(
        vm.getCode("contracts/RewardsDistributor.sol:RewardsDistributor"),
        abi.encode(admin, adminDelay, poster, guardian, activationDelay)
    );
    assembly ("memory-safe") {
        pool := create(0, add(code, 32), mload(code))
        if iszero(pool) {
            returndatacopy(0, 0, returndatasize())
            revert(0, returndatasize())
        }
    }
}
